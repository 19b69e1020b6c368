import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Runs a task whose workers keep their compiled runtime below `base`. */
function hello(base: string): string {
  const env = { ...process.env, XDG_RUNTIME_DIR: base }
  return execFileSync(process.execPath, ['dist/cli.js', 'run', 'examples/hello.ts', '--engine', 'process', '--quiet', '--no-record'], {
    cwd: root,
    env,
    encoding: 'utf8',
  })
}

function keptFiles(base: string): string[] {
  const [home = ''] = readdirSync(base)
  return readdirSync(join(base, home))
    .filter((name) => name.startsWith('code-'))
    .map((name) => join(base, home, name))
}

function makeBase(): string {
  const base = mkdtempSync(join(tmpdir(), 'cowait code-'))
  folders.push(base)
  return base
}

test('the first worker leaves its compiled runtime to later ones, which only this user can read', () => {
  const base = makeBase()
  expect(hello(base)).toBe('"hello world"\n')
  const [kept = '', ...others] = keptFiles(base)
  expect(others).toEqual([])
  expect(statSync(kept).mode & 0o777).toBe(0o600)
  const before = statSync(kept)
  expect(hello(base)).toBe('"hello world"\n')
  expect(statSync(kept).ino).toBe(before.ino)
})

test('what was compiled otherwise, or is no compiled form at all, is made anew', () => {
  const base = makeBase()
  hello(base)
  const [kept = ''] = keptFiles(base)
  const whole = readFileSync(kept)
  for (const wrong of [Buffer.from('no compiled form'), whole.subarray(0, 1_000), Buffer.alloc(0)]) {
    writeFileSync(kept, wrong)
    expect(hello(base)).toBe('"hello world"\n')
    expect(readFileSync(kept).length).toBeGreaterThan(100_000)
  }
})

test('what an old version left goes', () => {
  const base = makeBase()
  hello(base)
  const [kept = ''] = keptFiles(base)
  const old = kept.replace(/code-[^/]+$/, 'code-old')
  writeFileSync(old, '')
  utimesSync(old, 1, 1)
  rmSync(kept)
  hello(base)
  expect(keptFiles(base)).toEqual([kept])
})
