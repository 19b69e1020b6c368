import { execFile, type ExecFileOptions } from 'node:child_process'
import { type Dirent, appendFileSync, chmodSync, existsSync, lstatSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CompiledTree } from '../../src/project/compile-project.ts'
import { prune } from '../../src/project/tree-uses.ts'
import { TestProject } from './rig.ts'

const files = {
  'package.json': '{"type":"module"}',
  'main.ts': "import { one } from './one'\nexport const main: number = one + 1\n",
  'one.ts': 'export const one: number = 1\n',
  'data.txt': 'data',
}

let bundle: string

beforeAll(async () => {
  bundle = join(import.meta.dirname, '../../.build', `project-${process.pid}`)
  const source = join(import.meta.dirname, '../../src/project')
  const entryPoints = ['compile-project', 'project'].map((name) => join(source, `${name}.ts`))
  await build({ entryPoints, outdir: bundle, bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20.19', packages: 'external', logLevel: 'silent' })
})

afterAll(() => rm(bundle, { recursive: true, force: true }))

/** Compiles the project of a folder in a process of its own. */
async function compileElsewhere(
  cwd: string,
  { start = '.', ...options }: ExecFileOptions & { readonly start?: string } = {},
): Promise<{ readonly hash: string; readonly directory: string }> {
  const program = `
    import { compileProject } from ${JSON.stringify(pathToFileURL(join(bundle, 'compile-project.js')).href)}
    import { findPlace } from ${JSON.stringify(pathToFileURL(join(bundle, 'project.js')).href)}
    const { hash, directory } = await compileProject(await findPlace(${JSON.stringify(start)}))
    console.log(JSON.stringify({ hash, directory }))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd, ...options })
  return JSON.parse(String(stdout)) as { hash: string; directory: string }
}

/** Compiled files that are kept; taking them away shows what is compiled afterwards. */
function analyses(tree: CompiledTree): string[] {
  return readdirSync(join(tree.cacheFolder, 'analyses'))
}

function forgetAnalyses(tree: CompiledTree): void {
  for (const name of analyses(tree)) rmSync(join(tree.cacheFolder, 'analyses', name))
}

describe('an unchanged project', () => {
  test('compiles nothing and is the same version', async () => {
    await using project = await TestProject.create(files)
    const first = await project.compile()
    expect(analyses(first)).toHaveLength(2)
    forgetAnalyses(first)
    const second = await project.compile()
    expect(second).toEqual(first)
    expect(analyses(first)).toHaveLength(0)
  })

  test('has one hash on every machine and in every folder', async () => {
    await using one = await TestProject.create(files, 'one')
    await using other = await TestProject.create(files, 'other place')
    const [a, b] = [await one.compile(), await other.compile()]
    expect(a.hash).toBe(b.hash)
    expect(a.files).toEqual(b.files)
    expect(a.directory).not.toBe(b.directory)
  })

  test('holds exactly the files that it lists, as they are listed', async () => {
    await using project = await TestProject.create({ ...files, 'run.sh': '#!/bin/sh\n' })
    chmodSync(project.path('run.sh'), 0o755)
    const tree = await project.compile()
    const found = entriesBelow(tree.directory).filter((entry) => entry.isFile())
    expect(found).toHaveLength(tree.files.length)
    for (const { path, size, mode } of tree.files) {
      const stats = statSync(join(tree.directory, path))
      expect([path, stats.size, stats.mode & 0o777]).toEqual([path, size, mode === 0o755 ? 0o555 : 0o444])
    }
    expect(tree.files.find(({ path }) => path === 'run.sh')?.mode).toBe(0o755)
  })
})

test('nothing of the compiler runs on when it is done', async () => {
  await using project = await TestProject.create(files)
  const compiling = project.compile()
  while (!children().some((command) => command.includes('esbuild'))) await new Promise((resolve) => setImmediate(resolve))
  await compiling
  await expect.poll(children).toEqual([])
})

/** All levels; links are not followed, which Node's own recursion does. */
function entriesBelow(folder: string): Dirent[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  return [...entries, ...entries.flatMap((entry) => (entry.isDirectory() ? entriesBelow(join(folder, entry.name)) : []))]
}

/** The commands of this process's children, as the system sees them. */
function children(): string[] {
  const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ')
  return pids.flatMap((pid) => (pid === '' || !existsSync(`/proc/${pid}/cmdline`) ? [] : [readFileSync(`/proc/${pid}/cmdline`, 'utf8')]))
}

describe('a changed project', () => {
  test('compiles the changed file alone', async () => {
    await using project = await TestProject.create(files)
    const before = await project.compile()
    forgetAnalyses(before)
    await project.write({ 'one.ts': 'export const one: number = 2\n' })
    const after = await project.compile()
    expect(analyses(after)).toHaveLength(1)
    expect(after.hash).not.toBe(before.hash)
    expect(await project.evaluate('main', 'm.main')).toBe(3)
  })

  test('is seen when size and time of a file stay the same', async () => {
    await using project = await TestProject.create(files)
    const time = new Date('2020-05-05T05:05:05.5Z')
    utimesSync(project.path('one.ts'), time, time)
    expect(await project.evaluate('main', 'm.main')).toBe(2)
    await project.write({ 'one.ts': 'export const one: number = 7\n' })
    utimesSync(project.path('one.ts'), time, time)
    expect(await project.evaluate('main', 'm.main')).toBe(8)
  })

  test('follows quick changes, one after the other', async () => {
    await using project = await TestProject.create(files)
    const hashes = new Set<string>()
    for (let n = 0; n < 5; n++) {
      writeFileSync(project.path('one.ts'), `export const one: number = ${n}\n`)
      hashes.add((await project.compile()).hash)
    }
    expect(hashes.size).toBe(5)
  })

  test('links imports anew when files come and go', async () => {
    await using project = await TestProject.create(files)
    expect(await project.evaluate('main', 'm.main')).toBe(2)
    await project.write({ 'one/index.ts': 'export const one: number = 10\n' })
    expect(await project.evaluate('main', 'm.main')).toBe(2)
    await rm(project.path('one.ts'))
    expect(await project.evaluate('main', 'm.main')).toBe(11)
  })

  test('sees that a package became a linked one', async () => {
    await using project = await TestProject.create({
      ...files,
      'main.ts': "export { one as main } from 'dep'\n",
      'libs/dep/package.json': '{"name":"dep","type":"module","exports":"./index.ts"}',
      'libs/dep/index.ts': 'export const one: string = "linked"\n',
      'node_modules/dep/package.json': '{"name":"dep","type":"module","exports":"./index.js"}',
      'node_modules/dep/index.js': 'export const one = "installed"\n',
    })
    expect(await project.evaluate('main', 'm.main')).toBe('installed')
    await rm(project.path('node_modules/dep'), { recursive: true })
    await symlink('../libs/dep', project.path('node_modules/dep'))
    expect(await project.evaluate('main', 'm.main')).toBe('linked')
  })
})

describe('a tree that was written to', () => {
  test.each([
    ['a file was changed', (folder: string) => appendFileSync(forced(join(folder, 'one.ts.mjs')), 'broken(')],
    ['a file was changed in place', (folder: string) => writeFileSync(forced(join(folder, 'data.txt')), 'DATA')],
    ['a file was added', (folder: string) => writeFileSync(join(folder, 'extra.txt'), '')],
    ['a file was removed', (folder: string) => rmSync(join(folder, 'data.txt'))],
    ['the link to this package was removed', (folder: string) => rmSync(join(folder, 'node_modules/cowait'))],
    ['it is gone', (folder: string) => rmSync(folder, { recursive: true })],
  ])('is made again: %s', async (_, damage) => {
    await using project = await TestProject.create(files)
    const before = await project.compile()
    damage(before.directory)
    const after = await project.compile()
    expect(after).toEqual(before)
    expect(readFileSync(join(after.directory, 'data.txt'), 'utf8')).toBe('data')
    expect(existsSync(join(after.directory, 'extra.txt'))).toBe(false)
    expect(await project.evaluate('main', 'm.main')).toBe(2)
    expect(readdirSync(join(after.cacheFolder, 'trees'))).toEqual([basename(after.directory)])
  })

  function forced(file: string): string {
    chmodSync(file, 0o644)
    return file
  }
})

describe('what is part of a tree', () => {
  test('everything but what git or .cowaitignore ignores, secrets and installed packages', async () => {
    await using project = await TestProject.create({
      '.gitignore': '*.log\n/build\n!keep.log\ngenerated/\n',
      '.cowaitignore': 'large\n!generated/\n',
      'a.log': '',
      'keep.log': '',
      'build/x.txt': '',
      'sub/build/x.txt': '',
      'sub/.gitignore': 'x.tmp\n!b.log\n',
      'sub/x.tmp': '',
      'sub/b.log': '',
      'large/data': '',
      'generated/client.ts': '',
      '.env': 'SECRET=1',
      'sub/.env.local': 'SECRET=1',
      '.git/config': '',
      'node_modules/a/index.js': '',
      'sub/node_modules/b/index.js': '',
      '.cowait/x': '',
      '.hidden': '',
      '.npmrc': '//registry.example/:_authToken=SECRET',
      'sub/.aws/credentials': 'SECRET',
      'sub/.ssh/id_rsa': 'SECRET',
      'package.json': '{}',
    })
    symlinkSync('..', project.path('sub/loop'))
    symlinkSync('nowhere', project.path('broken'))
    symlinkSync('keep.log', project.path('linked.log.txt'))
    const { files: found } = await project.compile()
    expect(found.map(({ path }) => path)).toEqual([
      '.cowait/tree.json',
      '.cowaitignore',
      '.gitignore',
      '.hidden',
      'generated/client.ts',
      'generated/client.ts.mjs',
      'keep.log',
      'linked.log.txt',
      'package.json',
      'sub/.gitignore',
      'sub/b.log',
      'sub/build/x.txt',
    ])
  })

  test('tests only if something imports them or an ignore file takes them in', async () => {
    await using project = await TestProject.create({
      'a.test.ts': '',
      'sub/a.spec.mjs': '',
      'sub/__tests__/a.js': '',
      'imported.spec.js': '',
      'main.mjs': "import './imported.spec.js'",
      'wanted.test.js': '',
      '.cowaitignore': '!wanted.test.js',
      'latest.js': '',
    })
    const { files: found } = await project.compile()
    const own = found.map(({ path }) => path).filter((path) => !path.startsWith('.cowait'))
    expect(own).toEqual(['imported.spec.js', 'latest.js', 'main.mjs', 'wanted.test.js'])
  })

  test('more than it may have is refused, and the largest files are named', async () => {
    await using project = await TestProject.create({ 'package.json': '{}', 'main.ts': '' })
    writeFileSync(project.path('huge.bin'), Buffer.alloc(51 * 1024 * 1024))
    await expect(project.compile()).rejects.toThrow(/too large: 3 files, 51\.0 MiB.*\n {2}51\.0 MiB {2}huge\.bin\n/s)
    await project.write({ '.cowaitignore': '*.bin\n' })
    expect((await project.compile()).files.map(({ path }) => path)).not.toContain('huge.bin')
  })

  test('in a folder that only a task’s file makes a project, nothing hidden that no code imports, but data beside the task', async () => {
    await using home = await TestProject.create({
      'hello.ts': "import './.shared/used.ts'",
      '.shared/used.ts': '',
      '.shared/other.ts': '',
      '.ssh/id_rsa': 'SECRET',
      '.config/tool/token': 'SECRET',
      '.bash_history': 'SECRET',
      'data/input.csv': '1,2',
      'data/.hidden': '',
    })
    const { files: found } = await home.compile('hello.ts')
    expect(found.map(({ path }) => path).filter((path) => !path.startsWith('.cowait'))).toEqual([
      '.shared/used.ts',
      '.shared/used.ts.mjs',
      'data/input.csv',
      'hello.ts',
      'hello.ts.mjs',
    ])
  })

  test('in a folder that only a task’s file makes a project, its code alone is taken where all is too much', async () => {
    await using project = await TestProject.create({ 'main.ts': "import { x } from './lib/x'\nexport const y: number = x", 'lib/x.ts': 'export const x: number = 4' })
    writeFileSync(project.path('huge.bin'), Buffer.alloc(51 * 1024 * 1024))
    expect(await project.evaluate('main', 'm.y', { start: 'main.ts' })).toBe(4)
  })
})

describe('the cache', () => {
  test('ignores itself, and no temporary files stay', async () => {
    await using project = await TestProject.create(files)
    const { cacheFolder } = await project.compile()
    expect(readFileSync(project.path('.cowait/.gitignore'), 'utf8')).toBe('*\n')
    const all = entriesBelow(cacheFolder).map(({ name }) => name)
    expect(all.filter((name) => /\.part$|\.new-|\.old-/.test(name))).toEqual([])
  })

  test('keeps the newest five versions and those in use; contents go with the last tree that has them', async () => {
    await using project = await TestProject.create(files)
    const trees: CompiledTree[] = []
    for (let n = 0; n < 8; n++) {
      await project.write({ 'one.ts': `export const one: number = ${n}\n` })
      trees.push(await project.compile())
    }
    const cache = cacheOf(trees[0]!.cacheFolder)
    const kept = (): number[] => trees.flatMap(({ directory }, n) => (existsSync(directory) ? [n] : []))
    expect(kept()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    // This process used them all just now: to the pruner it is a living one.
    const later = Date.now() + 2 * 3_600_000
    prune(cache, later)
    expect(kept()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    for (const [n, { directory }] of trees.entries()) {
      const name = basename(directory)
      const time = new Date(Date.now() + n * 1000)
      utimesSync(join(cache.uses, name), time, time)
      if (n !== 1) for (const mark of readdirSync(cache.uses)) if (mark.startsWith(`${name}@`)) rmSync(join(cache.uses, mark))
    }
    const objects = readdirSync(cache.objects).length
    prune(cache, later)
    expect(kept()).toEqual([1, 3, 4, 5, 6, 7])
    expect(readdirSync(cache.objects).length).toBeLessThan(objects)
    for (const path of readdirSync(cache.objects)) expect(lstatSync(join(cache.objects, path)).nlink).toBeGreaterThan(1)
  })

  function cacheOf(path: string): Parameters<typeof prune>[0] {
    const names = ['trees', 'objects', 'analyses', 'described', 'uses'] as const
    return { path, ...(Object.fromEntries(names.map((name) => [name, join(path, name)])) as Record<(typeof names)[number], string>) }
  }

  test('is shared by processes that compile at once', async () => {
    await using project = await TestProject.create(files)
    for (let n = 0; n < 200; n++) await project.write({ [`many/m${n}.ts`]: `export const m${n}: number = ${n}\n` })
    const answers = await Promise.all(Array.from({ length: 4 }, () => compileElsewhere(project.root)))
    const { hash, directory, cacheFolder } = await project.compile()
    expect(answers.map((answer) => answer.hash)).toEqual([hash, hash, hash, hash])
    expect(readdirSync(join(cacheFolder, 'trees'))).toEqual([basename(directory)])
    expect(await project.evaluate('main', 'm.main')).toBe(2)
  })
})

describe.runIf(process.getuid?.() === 0)('a project that cannot be written to', () => {
  /** Whom the system's list of users does not have, as in many a container. */
  const nobody = { uid: 54_321, gid: 54_321 }

  test('is compiled into a private folder, and finds its packages and its own lines from there', async () => {
    await using project = await TestProject.create({
      ...files,
      'main.ts': 'import { dep } from "dep"\nexport const main = () => { throw new Error(dep) }\n',
      'node_modules/dep/index.js': 'exports.dep = "dep"',
    })
    await using temporary = await TestProject.create({}, 'temporary')
    for (const each of [project, temporary]) chmodSync(join(each.root, '..'), 0o755)
    chmodSync(temporary.root, 0o777)
    const options = { ...nobody, env: { ...process.env, TMPDIR: temporary.root } }
    const tree = await compileElsewhere(project.root, options)
    expect(tree.directory).toMatch(new RegExp(`^${temporary.root}/cowait-cache-54321/project-[0-9a-f]{12}/\\.cowait/cache/trees/`))
    expect(existsSync(project.path('.cowait'))).toBe(false)
    expect(await compileElsewhere(project.root, options)).toEqual(tree)
    const program = `process.setSourceMapsEnabled(true); import(${JSON.stringify(`${tree.directory}/main.ts.mjs`)}).then((m) => m.main()).catch((e) => console.log(e.stack))`
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], options)
    expect(stdout).toMatch(/^Error: dep\n/)
    const line = /\((.*main\.ts):2:/.exec(stdout)?.[1] ?? ''
    expect(readFileSync(line, 'utf8')).toContain('throw new Error(dep)')
  })

  test('of one file beside something that cannot be read is that file and its kind', async () => {
    await using folder = await TestProject.create({ 'main.ts': 'export const x = 1', 'private/secret.txt': 'secret' })
    rmSync(folder.path('package.json'), { force: true })
    chmodSync(join(folder.root, '..'), 0o755)
    chmodSync(folder.path('private'), 0o700)
    await using temporary = await TestProject.create({}, 'temporary')
    chmodSync(join(temporary.root, '..'), 0o755)
    chmodSync(temporary.root, 0o777)
    const { directory } = await compileElsewhere(folder.root, {
      ...nobody,
      start: 'main.ts',
      env: { ...process.env, TMPDIR: temporary.root },
    })
    expect(existsSync(join(directory, 'main.ts'))).toBe(true)
    expect(existsSync(join(directory, 'private'))).toBe(false)
  })

  test('and no other place either: says so', async () => {
    await using project = await TestProject.create(files)
    chmodSync(join(project.root, '..'), 0o755)
    await mkdir(project.path('none'), { mode: 0o755 })
    const options = { ...nobody, env: { ...process.env, TMPDIR: project.path('none') } }
    await expect(compileElsewhere(project.root, options)).rejects.toThrow(
      /can be kept neither in .*\.cowait \(not writable\) nor in .*none \(not writable\)\. Make one of them writable/,
    )
  })

  test('a full disk is a place that cannot be written to', async () => {
    await using project = await TestProject.create({ '.cowait/x': '' })
    await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', project.path('.cowait')])
    try {
      await project.write(files)
      writeFileSync(project.path('data.txt'), Buffer.alloc(512 * 1024, 'x'))
      const tree = await compileElsewhere(project.root, { env: { ...process.env, TMPDIR: project.path('..') } })
      expect(tree.directory).toContain('/cowait-cache-0/project-')
    } finally {
      await promisify(execFile)('umount', [project.path('.cowait')])
    }
  })
})
