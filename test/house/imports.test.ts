import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
let copy: string

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'cowait-imports-'))
  await cp(join(root, '.oxlintrc.json'), join(copy, '.oxlintrc.json'))
  await cp(join(root, 'tsconfig.json'), join(copy, 'tsconfig.json'))
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
})

afterAll(() => rm(copy, { recursive: true, force: true }))

/** Lints the files in an otherwise empty copy of the project; resolves with the rules that were broken, `path rule`. */
async function lint(files: Record<string, string>): Promise<string[]> {
  await rm(join(copy, 'src'), { recursive: true, force: true })
  for (const [path, code] of Object.entries(files)) {
    await mkdir(dirname(join(copy, path)), { recursive: true })
    await writeFile(join(copy, path), code)
  }
  const child = spawn(join(root, 'node_modules/.bin/oxlint'), ['--type-aware', '--format', 'json', 'src'], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const report = JSON.parse(await text(child.stdout)) as { diagnostics: { code: string; filename: string }[] }
  return report.diagnostics.map(({ filename, code }) => `${filename} ${/\(([\w-]+)\)/.exec(code)?.[1]}`)
}

const AGAINST: [path: string, specifier: string][] = [
  ['src/core/a.ts', '../protocol/b.ts'],
  ['src/core/values/a.ts', '../../supervisor/b.ts'],
  ['src/core/b.ts', './../client/b.ts'],
  ['src/core/c.ts', '../index.ts'],
  ['src/protocol/a.ts', '../supervisor/b.ts'],
  ['src/supervisor/a.ts', '../engines/process/b.ts'],
  ['src/supervisor/b.ts', '../worker/b.ts'],
  ['src/supervisor/c.ts', '../client/b.ts'],
  ['src/worker/a.ts', '../engines/docker/b.ts'],
  ['src/worker/b.ts', '../cli/b.ts'],
  ['src/worker/c.ts', '../project/b.ts'],
  ['src/engines/docker/a.ts', '../process/b.ts'],
  ['src/engines/process/a.ts', '../docker/b.ts'],
  ['src/engines/process/b.ts', '../../supervisor/b.ts'],
  ['src/engines/a.ts', '../project/b.ts'],
  ['src/project/a.ts', '../protocol/b.ts'],
  ['src/client/a.ts', '../cli/b.ts'],
  ['src/client/b.ts', '../worker/b.ts'],
  ['src/testing/a.ts', '../cli/b.ts'],
  ['src/cli/a.ts', '../testing/b.ts'],
  ['src/index.ts', './supervisor/b.ts'],
]

describe('the lint rules refuse', () => {
  test('imports against the directions, also dynamic ones and those of types', async () => {
    const files: Record<string, string> = {
      'src/core/d.ts': "export const load = (): Promise<unknown> => import('../client/b.ts')\n",
      'src/core/e.ts': "export type { B } from '../client/b.ts'\n",
    }
    for (const [path, specifier] of AGAINST) files[path] = `export { part } from '${specifier}'\n`
    const found = (await lint(files)).filter((line) => line.endsWith(' no-restricted-imports'))
    expect(found.toSorted()).toEqual(
      Object.keys(files)
        .map((path) => `${path} no-restricted-imports`)
        .toSorted(),
    )
  })

  test('a circle of imports', async () => {
    const files = {
      'src/core/a.ts': "import { b } from './b.ts'\n\nexport const a = (): number => b()\n",
      'src/core/b.ts': "import { a } from './a.ts'\n\nexport const b = (): number => a()\n",
    }
    expect(await lint(files)).toEqual(expect.arrayContaining(['src/core/a.ts no-cycle', 'src/core/b.ts no-cycle']))
  })

  test('a floating promise, an async callback where none is awaited, printing, exiting and any', async () => {
    const files = {
      'src/core/a.ts': [
        'async function work(): Promise<void> {}',
        'export function main(value: any): void {',
        '  work()',
        '  setTimeout(async () => work(), value)',
        "  console.log('done')",
        '  process.exit(0)',
        '}',
        '',
      ].join('\n'),
    }
    const rules = ['no-floating-promises', 'no-misused-promises', 'no-console', 'no-process-exit', 'no-explicit-any']
    expect(await lint(files)).toEqual(expect.arrayContaining(rules.map((rule) => `src/core/a.ts ${rule}`)))
  })
})

test('the lint rules allow the directions that ARCHITECTURE.md draws', async () => {
  const part = 'export const part: number = 1\n'
  const files = {
    'src/core/b.ts': part,
    'src/protocol/b.ts': part,
    'src/supervisor/b.ts': part,
    'src/engines/docker/b.ts': part,
    'src/project/b.ts': part,
    'src/client/b.ts': part,
    'src/protocol/a.ts': "export { part } from '../core/b.ts'\n",
    'src/supervisor/a.ts': "export { part } from '../protocol/b.ts'\n",
    'src/worker/a.ts': "export { part } from '../protocol/b.ts'\n",
    'src/engines/docker/a.ts': "export { part } from '../../protocol/b.ts'\n",
    'src/client/a.ts': "export { part } from '../engines/docker/b.ts'\n",
    'src/client/c.ts': "export { part } from '../project/b.ts'\n",
    'src/cli/a.ts': "export { part } from '../client/b.ts'\n",
    'src/testing/a.ts': "export { part } from '../supervisor/b.ts'\n",
    'src/index.ts': "export { part } from './core/b.ts'\n",
  }
  expect(await lint(files)).toEqual([])
})
