import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import type { ExecSession } from '../../../src/core/engine.ts'
import { describeDocker, docker, Rig, until, type Told } from './rig.ts'

const signal = (): AbortSignal => AbortSignal.timeout(20_000)

async function read(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += Buffer.from(chunk).toString('utf8')
  return text
}

/** Reads lines until one matches; answers that one. */
async function line(session: ExecSession, pattern: RegExp): Promise<string> {
  for await (const text of createInterface({ input: session.channel })) if (pattern.test(text)) return text
  throw new Error(`The session ended before a line matched ${pattern}`)
}

const exec = (rig: Rig, told: Told, command: string[], more: object = {}): Promise<ExecSession> => {
  if (rig.engine.exec === undefined) throw new Error('the engine has no exec')
  return rig.engine.exec(told.worker.id, { command, ...more }, signal())
}

describeDocker('a program beside a worker', () => {
  it('reads, prints on two streams and ends with its code', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    const session = await exec(rig, told, ['sh', '-c', 'cat; pwd; echo $WORD $(id -u); echo bad >&2; exit 7'], { env: { WORD: 'given' } })
    const big = `${'x'.repeat(3 << 20)}\n`
    session.channel.end(big)
    const [printed, errors, exit] = await Promise.all([read(session.channel), read(session.errors), session.exited])
    expect(printed === `${big}/cowait/code\ngiven ${process.getuid?.()}\n`).toBe(true)
    expect(errors).toBe('bad\n')
    expect(exit).toEqual({ how: 'exited', code: 7 })
    await session.close()
    expect(await told.tell('ready')).toBe('yes')
  })

  it('has a terminal that can be resized', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    const session = await exec(rig, told, ['sh'], { terminal: { columns: 91, rows: 33 }, env: { TERM: 'dumb', PS1: '' } })
    session.channel.write('test -t 0 && test -t 2 && stty size\n')
    expect(await line(session, /^\d+ \d+\s*$/)).toMatch('33 91')
    const again = await exec(rig, told, ['sh', '-c', 'read go; stty size'], { terminal: { columns: 80, rows: 24 } })
    await again.resize({ columns: 100, rows: 40 })
    again.channel.write('go\n')
    expect(await read(again.channel)).toMatch(/40 100/)
    expect(await again.exited).toEqual({ how: 'exited', code: 0 })
    await again.resize({ columns: 1, rows: 1 })
    expect(await read(again.errors)).toBe('')
    await session.close()
    expect((await session.exited).code).toBe(137)
  })

  it('ends, with what it started, when it is closed', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    const session = await exec(rig, told, ['sh', '-c', 'setsid sleep 4711 & echo ready; sleep 4711'])
    await line(session, /ready/)
    const sleeping = async (): Promise<number> =>
      Number(await told.tell('shell', 'cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -o "sleep 4711" | wc -l'))
    expect(await sleeping()).toBeGreaterThanOrEqual(2)
    await session.close()
    await until('nothing of it runs', async () => (await sleeping()) <= 1)
    expect(await told.tell('ready')).toBe('yes')
  })

  it('ends with its worker', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    const session = await exec(rig, told, ['sleep', '1000'], { terminal: { columns: 80, rows: 24 } })
    await rig.engine.remove(told.worker.id, 0)
    expect(['lost', 'exited']).toContain((await session.exited).how)
    await session.close()
  })

  it('is reached by another engine, as from another terminal', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    await using other = await Rig.open()
    const session = await exec(other, told, ['echo', 'hello'])
    expect(await read(session.channel)).toBe('hello\n')
    expect((await session.exited).code).toBe(0)
  })

  it('says what it cannot run', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    const session = await exec(rig, told, ['not-there']).catch((error: Error) => error)
    if (session instanceof Error) expect(session.message).toMatch(/not-there/)
    else expect([126, 127]).toContain((await session.exited).code)
    await docker('pause', await rig.containerId(told))
    await expect(exec(rig, told, ['true'])).rejects.toThrow(/is paused/)
    await docker('unpause', await rig.containerId(told))
    await rig.engine.remove(told.worker.id, 0)
    await expect(exec(rig, told, ['true'])).rejects.toThrow(/No worker worker-/)
  })
})
