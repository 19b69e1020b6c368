import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, describe, test } from 'vitest'
import { until } from './rig.ts'
import { Stand } from './stand.ts'

const script = fileURLToPath(new URL('tasks.py', import.meta.url))
const hasPython = spawnSync('python3', ['--version']).status === 0

const open = (): Stand => new Stand(['python3', script], { module: 'tasks', path: '/' })

test.runIf(process.env['CI'])('Python is there where the checks run', () => {
  expect(hasPython).toBe(true)
})

describe.skipIf(!hasPython)('a worker in plain Python', () => {
  test('serves a run: greets, starts, prints, marks the end of its output, answers, leaves', async () => {
    await using stand = open()
    stand.welcome()
    await until(() => stand.said.length > 0, 'its greeting')
    expect(stand.said[0]).toEqual({
      type: 'hello',
      protocol: 1,
      role: 'worker',
      runtime: { name: 'python', version: expect.stringMatching(/^3\./) },
    })
    await stand.run('double', { n: 21 })
    expect(await stand.answer()).toEqual({ n: 42, greeting: 'hello' })
    expect(stand.types).toEqual(['hello', 'running', 'done'])
    expect(stand.output).toEqual([
      { level: 'info', stream: 'stdout', text: 'printed' },
      { level: 'info', stream: 'log', text: 'doubling', fields: { n: 21 } },
      { level: 'info', stream: 'stdout', text: 'from a subprocess' },
      { level: 'info', stream: 'stdout', text: 'unfinished' },
      { flush: 'f-123' },
    ])
    stand.bodies.send({ type: 'accepted', run: 'r1' })
    expect(await stand.exit()).toBe(0)
    expect(stand.errors).toBe('')
  })

  test('receives and sends a value of many chunks under credit', async () => {
    await using stand = open()
    stand.welcome()
    const text = Array.from({ length: 400_000 }, (_, n) => `${n} `).join('')
    await stand.run('reverse', text)
    expect((await stand.answer()) === Array.from(text).reverse().join('')).toBe(true)
    stand.bodies.send({ type: 'accepted', run: 'r1' })
    expect(await stand.exit()).toBe(0)
  })

  test('reports an exception as the error of the run', async () => {
    await using stand = open()
    stand.welcome()
    await stand.run('fail', 'x')
    expect(await stand.answer()).toEqual({
      $: 'err',
      v: { name: 'ValueError', message: 'bad input: x', stack: expect.stringContaining('in fail') },
    })
    expect(stand.said.at(-1)).toMatchObject({
      type: 'fail',
      retryable: true,
      error: { code: 'TASK_FAILED', name: 'ValueError', message: 'bad input: x' },
    })
  })

  test('answers pings while its function runs, and ends it when it is cancelled', async () => {
    await using stand = open()
    stand.welcome()
    await stand.run('wait', null)
    await until(() => stand.output.length > 0, 'its first line')
    stand.bodies.send({ type: 'ping' })
    await until(() => stand.types.includes('pong'), 'a pong')
    stand.bodies.send({ type: 'cancel', run: 'r1', reason: { code: 'TASK_CANCELLED', message: 'enough' }, graceMs: 5000 })
    await stand.answer()
    expect(stand.types).toEqual(['hello', 'running', 'pong', 'fail'])
    expect(stand.said.at(-1)).toMatchObject({ error: { code: 'TASK_CANCELLED' } })
  })

  test('leaves when its supervisor is gone', async () => {
    await using stand = open()
    stand.welcome()
    await stand.run('wait', null)
    await until(() => stand.types.includes('running'), 'its start')
    await stand.channel.close()
    expect(await stand.exit()).toBe(1)
  })

  test('leaves when it hears nothing for as long as its lease', async () => {
    await using stand = open()
    stand.welcome(300)
    await stand.run('wait', null)
    await until(() => stand.types.includes('running'), 'its start')
    expect(await stand.exit()).toBe('SIGALRM')
  })

  test('refuses another version of the protocol in words', async () => {
    await using stand = open()
    stand.welcome(0, 2)
    expect(await stand.exit()).toBe(1)
    expect(stand.errors).toContain('The supervisor speaks protocol 2, this worker speaks 1.')
  })
})
