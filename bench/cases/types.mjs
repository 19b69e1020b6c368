/**
 * TypeScript 7 over a project with 300 tasks and 300 joins of them, its start included, against what it may take. Counts the processor's
 * time, so that what else the machine does matters less; on a free machine no more than that passes by the clock.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../lib/spawned.mjs'

const run = promisify(execFile)
let project

export const name = 'types'
export const goal = 1
export const rounds = 5
export const warmUps = 1

export async function open() {
  project = await mkdtemp(join(tmpdir(), 'cowait-bench-types-'))
  await mkdir(join(project, 'node_modules'))
  for (const [link, target] of [
    ['cowait', root],
    ['zod', join(root, 'node_modules/zod')],
  ])
    await symlink(target, join(project, 'node_modules', link))
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2022', 'esnext.disposable'],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: [],
    skipLibCheck: true,
  }
  await writeFile(join(project, 'package.json'), '{"type":"module"}')
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  for (let file = 0; file < 10; file++) await writeFile(join(project, `tasks-${file}.ts`), tasks(file * 30, 30))
}

export async function close() {
  await rm(project, { recursive: true, force: true })
}

export async function floor() {
  return 1_500
}

export async function subject() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = await run('sh', ['-ec', '"$@"; times', 'sh', process.execPath, tsc, '-p', project])
  const [user, system] = [
    ...stdout
      .trim()
      .split('\n')
      .at(-1)
      .matchAll(/(\d+)m([\d.]+)s/g),
  ].map(([, m, s]) => (m * 60 + Number(s)) * 1_000)
  return user + system
}

/** Functions and objects with schemas in turns, and a join of each with its neighbour. */
function tasks(first, count) {
  const lines = [`import { z } from 'zod'`, `import { join, task } from 'cowait'`]
  for (let n = first; n < first + count; n++)
    lines.push(
      n % 2 === 0
        ? `export const t${n} = task(async ({ n, at }: { n: number; at?: Date }) => ({ f${n}: n * 2, at, list: [String(n)] }))`
        : `export const t${n} = task({ input: z.object({ n: z.number(), k${n}: z.string().default('k') }), output: z.object({ f${n}: z.number() }), run: async ({ n }) => ({ f${n}: n }) })`,
    )
  for (let n = first; n < first + count; n++) {
    const other = n + 1 < first + count ? n + 1 : first
    lines.push(`export const j${n} = task(async () => {`)
    lines.push(`  const [a, b] = await join([t${n}({ n: 1 }), t${other}({ n: 2 })])`)
    lines.push(`  return a.f${n} + b.f${other}`)
    lines.push(`})`)
  }
  return `${lines.join('\n')}\n`
}
