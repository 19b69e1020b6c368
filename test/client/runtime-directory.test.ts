/** Where private folders lie: in the host's runtime directory if it is this user's, else in the temporary folder. */
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPrivateDirectory, runtimeRoot } from '../../src/client/runtime-directory.ts'

let folder: string
const own = `cowait-${process.getuid?.()}`

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runtime-'))
  process.env['XDG_RUNTIME_DIR'] = folder
})

afterEach(() => {
  delete process.env['XDG_RUNTIME_DIR']
  rmSync(folder, { recursive: true })
})

test('a runtime directory of one’s own', () => {
  expect(runtimeRoot()).toBe(join(folder, own))
  expect(existsSync(join(createPrivateDirectory('s1'), 'owner'))).toBe(true)
})

test('one that is missing, as without a login', () => {
  process.env['XDG_RUNTIME_DIR'] = join(folder, 'missing')
  expect(runtimeRoot()).toBe(join(tmpdir(), own))
  rmSync(createPrivateDirectory('s1'), { recursive: true })
  expect(existsSync(join(folder, 'missing'))).toBe(false)
})

test('one that is no folder', () => {
  process.env['XDG_RUNTIME_DIR'] = join(folder, 'file')
  writeFileSync(join(folder, 'file'), '')
  expect(runtimeRoot()).toBe(join(tmpdir(), own))
})

test.runIf(process.getuid?.() === 0)('one of another user, inherited through su or sudo', () => {
  chownSync(folder, 54_321, 54_321)
  expect(runtimeRoot()).toBe(join(tmpdir(), own))
})

test.skipIf(process.getuid?.() === 0)('one that may not be written to', () => {
  chmodSync(folder, 0o500)
  expect(runtimeRoot()).toBe(join(tmpdir(), own))
})

test('a folder of private folders that others may enter is refused', () => {
  mkdirSync(join(folder, own), { mode: 0o755 })
  expect(() => createPrivateDirectory('s1')).toThrow('is not a folder of yours alone')
})
