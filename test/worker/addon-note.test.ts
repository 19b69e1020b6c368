import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addonNote } from '../../src/worker/addon-note.ts'

const require = createRequire(import.meta.url)

function failing(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_DLOPEN_FAILED' })
}

test('names the package of an add-on for another platform and what to do', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-addon-'))
  try {
    const place = join(folder, 'node_modules/@paint/canvas/build')
    mkdirSync(place, { recursive: true })
    const other = process.platform === 'darwin' ? '\x7fELF' : '\xcf\xfa\xed\xfe\x0c\x00\x00\x01'
    writeFileSync(join(place, 'canvas.node'), other + '\0'.repeat(56), 'latin1')
    let thrown: unknown
    try {
      require(join(place, 'canvas.node'))
    } catch (error) {
      thrown = error
    }
    expect(addonNote(thrown)).toMatch(
      new RegExp(
        `^The add-on of package @paint/canvas was made for another platform.* --os=${process.platform} --cpu=${process.arch} --libc=`,
      ),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('tells another C library, another Node and a missing library apart', () => {
  const musl = failing('Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /c/node_modules/a/a.node)')
  expect(addonNote(musl)).toMatch(/package a was made for another platform/)
  const old = failing("/lib/libc.so.6: version `GLIBC_2.38' not found (required by /c/node_modules/a/a.node)")
  expect(addonNote(old)).toMatch(/needs GLIBC_2\.38, which is not where this worker runs/)
  const version = failing(
    "The module '/c/node_modules/b/b.node' was compiled against a different Node.js version using NODE_MODULE_VERSION 115.",
  )
  expect(addonNote(version)).toMatch(/package b was made for another version of Node/)
  const library = failing('libcairo.so.2: cannot open shared object file: No such file or directory')
  expect(addonNote(library)).toMatch(/This add-on needs libcairo\.so\.2, which is not where this worker runs/)
})

test('says nothing about other errors', () => {
  expect(addonNote(new Error('invalid ELF header'))).toBeUndefined()
  expect(addonNote('thrown text')).toBeUndefined()
})
