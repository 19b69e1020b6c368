/** Who hears of which runs: also of one that ends in the same moment as its caller, or as it begins. */
import { expect, test } from 'vitest'
import { external } from '../../src/core/external.ts'
import { task } from '../../src/core/task.ts'
import { memoryPair } from '../../src/engines/memory/memory-pair.ts'
import { Channel } from '../../src/protocol/channel.ts'
import type { Both, Down, Up } from '../../src/protocol/messages.ts'
import { parseDown } from '../../src/protocol/parse.ts'
import { openRig } from './rig.ts'

const called = (name: string) => external<{}, string>(`tests:${name}`)
const calls = (name: string) => task(async () => await called(name)({}, { id: name }))
const fails = task(async (): Promise<string> => {
  throw new Error('boom')
})

test('a client that follows a run hears of the end of all that is below it', async () => {
  await using rig = openRig({ root: calls('middle'), middle: calls('leaf'), leaf: fails })
  const [inside, outside] = memoryPair()
  rig.supervisor.connect(outside)
  const channel = new Channel<Down | Both, Up | Both>(inside, parseDown)
  const heard: string[] = []
  channel.start((message) => message.type === 'event' && heard.push(`${message.event.run} ${message.event.type}`))
  channel.send({ type: 'follow', run: 'root' })
  await expect(rig.script(() => called('root')({}, { id: 'root' }))).rejects.toThrow('boom')
  const ends = ['leaf', 'middle', 'root'].flatMap((run) => [`${run} settled`, `${run} removed`])
  await expect.poll(() => heard.filter((each) => /settled|removed/.test(each))).toEqual(ends)
  await channel.close()
})

test('a run tells of each of its children, also of one that is refused at once', async () => {
  const seen: string[] = []
  await using rig = openRig({ root: calls('leaf'), leaf: fails }, { limits: { depth: 1 } })
  const run = rig.script(() => called('root')({}, { id: 'root' }))
  run.on('child', ({ id }) => seen.push(id))
  await expect(run).rejects.toThrow('it would be more than 1 level')
  expect(seen).toEqual(['leaf'])
})
