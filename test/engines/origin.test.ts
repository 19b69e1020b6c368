/** Whether a supervisor is gone is judged by its own host alone, and only when that can be known. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isLiving, ownHome } from '../../src/engines/host-process.ts'
import { hostLabelOf, isAbandoned, ownOrigin } from '../../src/engines/origin.ts'

const isLinux = process.platform === 'linux'
const mine = ownOrigin('x.')
/** A process that is gone for sure: this one, had it started earlier. */
const gone = { 'x.home': `${process.pid}-1-${ownHome().space}` }

describe('what a supervisor made', () => {
  it('is not abandoned while it lives', async () => {
    expect(await isAbandoned(mine, 'x.')).toBe(false)
  })

  it.runIf(isLinux)('is abandoned when it is gone, or when its host has started anew', async () => {
    expect(await isAbandoned({ ...mine, ...gone }, 'x.')).toBe(true)
    expect(await isAbandoned({ ...mine, 'x.boot': 'another' }, 'x.')).toBe(true)
  })

  it.each([
    ['another machine with the same name', { 'x.host': hostname(), 'x.boot': 'another' }],
    ['another user', { 'x.user': '987654' }],
    ['a process that nobody can name', { 'x.home': 'here' }],
    ['nobody', { 'x.host': '', 'x.user': '', 'x.boot': '', 'x.home': '' }],
  ])('is left alone when it was made by %s', async (_whom, said) => {
    expect(await isAbandoned({ ...mine, ...gone, ...said }, 'x.')).toBe(false)
  })
})

describe('a host', () => {
  it('is known by its name and its id, over its boots', () => {
    expect(hostLabelOf('a', 'id', 'boot')).toBe(hostLabelOf('a', 'id', 'another boot'))
    expect(hostLabelOf('a', 'id', 'boot')).not.toBe(hostLabelOf('b', 'id', 'boot'))
    expect(hostLabelOf('a', 'id', 'boot')).not.toBe(hostLabelOf('a', 'another id', 'boot'))
  })

  it.each(['', 'uninitialized'])('that has no id (%j) is known by its name for one boot only', (none) => {
    expect(hostLabelOf('a', none, 'boot')).toBe(hostLabelOf('a', none, 'boot'))
    expect(hostLabelOf('a', none, 'boot')).not.toBe(hostLabelOf('a', none, 'another boot'))
  })
})

describe.runIf(isLinux && process.getuid?.() === 0)('on a machine without an id', () => {
  it('nobody takes another of its name for its own before it started anew', async () => {
    const others = { ...mine, ...gone, 'x.host': hostLabelOf(hostname(), '', 'another'), 'x.boot': 'another' }
    const source = JSON.stringify(fileURLToPath(new URL('../../src/engines/origin.ts', import.meta.url)))
    const folder = mkdtempSync(join(tmpdir(), 'origin-'))
    const contents = `
      import { isAbandoned, ownOrigin } from ${source}
      const others = JSON.parse(process.argv[2])
      const own = { ...ownOrigin('x.'), 'x.home': others['x.home'] }
      process.stdout.write(JSON.stringify([await isAbandoned(others, 'x.'), await isAbandoned(own, 'x.')]))`
    await bundled(contents, join(folder, 'judge.mjs'))
    const args = [process.execPath, join(folder, 'judge.mjs'), JSON.stringify(others)]
    const script = '[ ! -e /etc/machine-id ] || mount --bind /dev/null /etc/machine-id; exec "$0" "$@"'
    const child = spawn('unshare', ['-m', 'sh', '-c', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    expect(JSON.parse(await text(child.stdout))).toEqual([false, true])
    rmSync(folder, { recursive: true })
  })
})

describe.runIf(isLinux)('for want of descriptors', () => {
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'origin-'))
    const source = (name: string): string => JSON.stringify(fileURLToPath(new URL(`../../src/engines/${name}`, import.meta.url)))
    const contents = `
      import { closeSync, openSync } from 'node:fs'
      import { isLiving } from ${source('host-process.ts')}
      import { isLeftFolder } from ${source('private-folder.ts')}
      const [home, folder] = JSON.parse(process.argv[2])
      const look = async () => [await isLiving(home), await isLeftFolder(folder)]
      await look()
      const taken = []
      try { for (;;) taken.push(openSync('/dev/null')) } catch {}
      const without = await look()
      taken.forEach((each) => closeSync(each))
      process.stdout.write(JSON.stringify({ without, with: await look() }))`
    await bundled(contents, join(folder, 'look.mjs'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const look = async (pid: number, start: string): Promise<unknown> => {
    const home = { pid, start, space: ownHome().space }
    const owned = mkdtempSync(join(folder, 'owned-'))
    writeFileSync(join(owned, 'owner'), `${pid}-${start}-${home.space} ${mine['x.boot']}\n`)
    const args = [process.execPath, join(folder, 'look.mjs'), JSON.stringify([home, owned])]
    const child = spawn('sh', ['-c', 'ulimit -n 64; exec "$0" "$@"', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    return JSON.parse(await text(child.stdout))
  }

  it('nobody is taken for gone', async () => {
    const { start } = ownHome()
    expect(await isLiving(ownHome())).toBe(true)
    expect(await look(process.pid, start)).toEqual({ without: ['unknown', false], with: [true, false] })
    expect(await look(process.pid, '1')).toEqual({ without: ['unknown', false], with: [false, true] })
  })
})

async function bundled(contents: string, outfile: string): Promise<void> {
  const stdin = { contents, resolveDir: dirname(outfile), loader: 'ts' as const }
  await build({ stdin, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' })
}
