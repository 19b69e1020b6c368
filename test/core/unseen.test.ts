import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const WORDS = `
import { any, delay, group, join, map, Queue, race, Semaphore, timeout } from 'cowait'

const heard = []
process.on('unhandledRejection', (error) => heard.push(error.message.split('\\n')[0]))
const rejected = (message) => Promise.reject(new Error(message))

void join([rejected('join')])
void join({ one: rejected('record') })
void race([rejected('race')])
void any([rejected('any')])
void group(async () => { throw new Error('group') })
void map(async (item) => { throw new Error(item) }, ['map'])
void timeout('1h', async () => { throw new Error('timeout') })
void delay('1h', { signal: AbortSignal.abort(new Error('delay')) })
void new Semaphore(1).run(async () => { throw new Error('semaphore') })
const queue = new Queue()
queue.close()
void queue.put(1).catch((error) => heard.push('caught ' + error.constructor.name))
await delay(50)
console.log(JSON.stringify(heard.toSorted()))
process.exit()
`

test('a word that fails and that nobody looks at is heard of', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', WORDS], {
    cwd: join(import.meta.dirname, '../..'),
  })
  expect(JSON.parse(stdout)).toEqual([
    'None of 1 ended well: any',
    'caught Error',
    'delay',
    'group',
    'join',
    'map',
    'race',
    'record',
    'semaphore',
    'timeout',
  ])
})
