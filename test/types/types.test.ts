/** What compiles and what does not, with the message that people read, for each compiler that people have. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile, mkdir, copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const fixtures = join(import.meta.dirname, 'fixtures')
const compilers = [
  ['7', 'typescript'],
  ['6.0', 'typescript-6.0'],
  ['5.9', 'typescript-5.9'],
] as const

let project: string

/** A project as a user has it: our declarations from `dist`, strict, no settings of ours. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'cowait-types-'))
  await mkdir(join(project, 'node_modules'))
  await symlink(root, join(project, 'node_modules/cowait'))
  await symlink(join(root, 'node_modules/zod'), join(project, 'node_modules/zod'))
  await writeFile(join(project, 'package.json'), '{"type":"module"}')
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2022', 'esnext.disposable'],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: [],
    preserveSymlinks: false,
  }
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
})

afterAll(() => rm(project, { recursive: true, force: true }))

/** The errors of one file: line to message, with all that is indented below it. */
async function check(compiler: string, file: string): Promise<Map<number, string>> {
  await copyFile(join(fixtures, file), join(project, file))
  await writeFile(join(project, `tsconfig.${file}.json`), JSON.stringify({ extends: './tsconfig.json', include: [file] }))
  const child = spawn(
    process.execPath,
    [join(root, 'node_modules', compiler, 'bin/tsc'), '-p', `tsconfig.${file}.json`, '--pretty', 'false', '--noErrorTruncation'],
    { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const errors = new Map<number, string>()
  let at = 0
  for (const line of (await text(child.stdout)).split('\n')) {
    const [, place, message = line] = /^[^(]+\((\d+),\d+\): (.*)$/.exec(line) ?? []
    if (place) at = Number(place)
    if (line !== '') errors.set(at, `${errors.get(at) ?? ''}${message}\n`)
  }
  return errors
}

/** `@wrong` comments: the range of lines below each, and what the compiler must say there. */
function expectations(file: string): { from: number; to: number; message: string }[] {
  const lines = readFileSync(join(fixtures, file), 'utf8').split('\n')
  const marks = lines.flatMap((line, index) =>
    line.startsWith('// @wrong: ') ? [{ index, message: line.slice('// @wrong: '.length) }] : [],
  )
  return marks.map(({ index, message }, n) => ({ from: index + 2, to: marks[n + 1]?.index ?? lines.length, message }))
}

describe.each(compilers)('TypeScript %s', (_, compiler) => {
  test('right uses compile', { timeout: 120_000 }, async () => {
    expect(Object.fromEntries(await check(compiler, 'right.ts'))).toEqual({})
  })

  test('wrong uses are told as what they are', { timeout: 120_000 }, async () => {
    const errors = await check(compiler, 'wrong.ts')
    const told = expectations('wrong.ts').map(({ from, to, message }) => ({
      message,
      told: [...errors]
        .filter(([line]) => line >= from && line <= to)
        .map(([, text]) => text)
        .join(''),
    }))
    const missing = told.filter(({ message, told }) => !told.includes(message))
    expect(missing).toEqual([])
    const marked = expectations('wrong.ts')
    expect([...errors.keys()].filter((line) => !marked.some(({ from, to }) => line >= from && line <= to))).toEqual([])
  })
})
