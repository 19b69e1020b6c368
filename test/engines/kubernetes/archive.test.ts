import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import type { Tree } from '../../../src/core/tree.ts'
import { makeArchive } from '../../../src/engines/kubernetes/archive.ts'
import { podCode } from '../../../src/engines/kubernetes/pod-folders.ts'

const runtimeDirectory = fileURLToPath(new URL('../../../dist', import.meta.url))
let folder: string

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

/** The paths in the archive of a program of one file, below a folder, and where links lead. */
async function archived(code: string, below = podCode): Promise<Record<string, string | true>> {
  write('project/main.js', code)
  const root = join(folder, 'project')
  const file = { path: 'main.js', mode: 0o644, size: code.length, sha256: createHash('sha256').update(code).digest('hex') }
  const tree: Tree = { hash: 'x', files: [file], directory: root, root }
  const { pieces } = await makeArchive(tree, runtimeDirectory, new AbortController().signal)
  const bytes = gunzipSync(Buffer.concat(pieces))
  const found: Record<string, string | true> = {}
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0x0a, at)
    const entry = JSON.parse(bytes.toString('utf8', at, end)) as { at: string; size?: number; link?: string }
    at = end + 1 + (entry.size ?? 0)
    if (entry.at.startsWith(`${below}/`)) found[entry.at.slice(below.length + 1)] = entry.link ?? true
  }
  return found
}

test('a package that is a link to elsewhere comes to its own place, with its own dependencies and without its history', async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'cowait-archive-')))
  write('elsewhere/lib/package.json', '{"name":"lib","dependencies":{"deep":"1"}}')
  write('elsewhere/lib/index.js', '')
  write('elsewhere/lib/.git/config', '')
  write('elsewhere/lib/node_modules/deep/package.json', '{"name":"deep"}')
  write('elsewhere/lib/node_modules/deep/index.js', '')
  write('project/node_modules/near/package.json', '{"name":"near"}')
  symlinkSync(join(folder, 'elsewhere/lib'), join(folder, 'project/node_modules/lib'))
  expect(await archived("import 'lib'")).toEqual({
    'main.js': true,
    'node_modules/lib/package.json': true,
    'node_modules/lib/index.js': true,
    'node_modules/lib/node_modules/deep/package.json': true,
    'node_modules/lib/node_modules/deep/index.js': true,
  })
})

test('a package that is a link to another folder of dependencies stays a link', async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'cowait-archive-')))
  write('project/node_modules/.store/lib@1/node_modules/lib/package.json', '{"name":"lib"}')
  symlinkSync('.store/lib@1/node_modules/lib', join(folder, 'project/node_modules/lib'))
  expect(await archived("import 'lib'")).toEqual({
    'main.js': true,
    'node_modules/lib': '.store/lib@1/node_modules/lib',
    'node_modules/.store/lib@1/node_modules/lib/package.json': true,
  })
})

test("what lies above the project is looked at last, as at home, and nothing comes to anybody else's place", async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'cowait-archive-')))
  write('node_modules/outer/package.json', '{"name":"outer"}')
  write('node_modules/outer/index.js', '')
  const paths = Object.keys(await archived("import 'outer'", '/tmp'))
  expect(paths).toContain('.cowait/node_modules/outer/index.js')
  expect(paths).toContain('.cowait/program/code/main.js')
  expect(paths.filter((path) => !path.startsWith('.cowait/'))).toEqual([])
  expect(Object.keys(await archived("import 'outer'", ''))).toHaveLength(paths.length)
})
