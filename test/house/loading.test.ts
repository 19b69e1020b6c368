import { join } from 'node:path'
import { build, type Metafile } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { ENTRY_POINTS } from '../../scripts/build.mjs'

/** What a worker's program takes from the runtime. */
const WORKER = 'src/worker/main.ts'
/** What the command line's program takes from the file beside it. */
const COMMAND_LINE = 'src/cli/command-line.ts'

let inputs: Metafile['inputs']

beforeAll(async () => {
  const { metafile } = await build({
    absWorkingDir: join(import.meta.dirname, '../..'),
    entryPoints: [ENTRY_POINTS.index, ENTRY_POINTS.worker, WORKER, ENTRY_POINTS.config, COMMAND_LINE],
    bundle: true,
    splitting: true,
    outdir: 'dist',
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'silent',
  })
  inputs = metafile.inputs
})

/** What is loaded with `entry`: our folders under src, and packages. `later`: also what `import()` may load. */
function loadedWith(entry: string, { later = false } = {}): Set<string> {
  const seen = new Set<string>()
  const found = new Set<string>()
  const visit = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    found.add(path.split('/').slice(1, -1)[0] ?? path)
    for (const { path: next, kind, external } of inputs[path]?.imports ?? []) {
      if (kind === 'dynamic-import' && !later) continue
      if (!external) visit(next)
      else if (!next.startsWith('node:')) found.add(next)
    }
  }
  visit(entry)
  return found
}

test('importing a task loads core and the door to the client: no socket, no engine, no package', () => {
  expect([...loadedWith(ENTRY_POINTS.index)].toSorted()).toEqual(['client', 'core', ENTRY_POINTS.index])
})

test('a config file loads no more than its own helper', () => {
  expect([...loadedWith(ENTRY_POINTS.config)].filter((name) => name !== 'core')).toEqual([ENTRY_POINTS.config])
})

test('a worker never loads an engine, the command line or a package', () => {
  expect([...loadedWith(WORKER, { later: true })].toSorted()).toEqual(['core', 'protocol', 'worker'])
  expect([...loadedWith(ENTRY_POINTS.worker)]).toEqual(['worker'])
})

test('the command line loads an engine only when a run needs it', () => {
  expect([...loadedWith(COMMAND_LINE)]).not.toContain('engines')
  expect([...loadedWith(COMMAND_LINE, { later: true })]).toContain('engines')
})
