import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratchNote } from '../../src/worker/scratch-note.ts'

function refusal(fields: Partial<NodeJS.ErrnoException> & { dest?: string }): Error {
  return Object.assign(new Error('no'), { code: 'EROFS', syscall: 'open', ...fields })
}

test.each([
  { path: '/code/out/a.txt' },
  { path: '/code', syscall: 'mkdtemp', code: 'EACCES' },
  { path: '/tmp/a', dest: '/code/a', syscall: 'rename', code: 'EPERM' },
])('names the scratch folder for a write into the program: %j', (fields) => {
  expect(scratchNote(refusal(fields), '/code')).toContain(`os.tmpdir() (here ${tmpdir()})`)
})

test('a relative path is one from the working directory', () => {
  expect(scratchNote(refusal({ path: 'out.txt' }), process.cwd())).toContain('read-only')
  expect(scratchNote(refusal({ path: '../out.txt' }), process.cwd())).toBeUndefined()
})

test.each([
  { path: '/codes/a' },
  { path: '/data/a' },
  { code: 'ENOENT', path: '/code/a' },
  { code: 'EACCES', path: '/code/run.sh', syscall: 'spawn /code/run.sh' },
  {},
])('says nothing about other errors: %j', (fields) => {
  expect(scratchNote(refusal(fields), '/code')).toBeUndefined()
  expect(scratchNote('thrown text', '/code')).toBeUndefined()
})

test.skipIf(process.getuid?.() === 0)("Node's own errors are understood", () => {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-scratch-'))
  writeFileSync(join(folder, 'a'), '')
  chmodSync(folder, 0o555)
  try {
    const acts = [
      () => writeFileSync(join(folder, 'b'), ''),
      () => mkdirSync(join(folder, 'c/d'), { recursive: true }),
      () => renameSync(join(folder, 'a'), join(folder, 'b')),
    ]
    for (const act of acts) {
      let thrown: unknown
      try {
        act()
      } catch (error) {
        thrown = error
      }
      expect(scratchNote(thrown, folder)).toContain('scratch folder')
    }
  } finally {
    chmodSync(folder, 0o755)
    rmSync(folder, { recursive: true })
  }
})
