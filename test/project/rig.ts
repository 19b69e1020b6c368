import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { type CompiledTree, compileProject } from '../../src/project/compile-project.ts'
import { findPlace, findProject, type Project } from '../../src/project/project.ts'

const fixtures = join(import.meta.dirname, '../fixtures/projects')

/** A project of files in a temporary folder, compiled as users' projects are and run by plain Node. */
export class TestProject implements AsyncDisposable {
  readonly root: string
  readonly #outer: string

  private constructor(outer: string, root: string) {
    this.#outer = outer
    this.root = root
  }

  /** A copy of a fixture. `name` is what its folder is called. */
  static async copy(fixture: string, name = fixture): Promise<TestProject> {
    const project = await TestProject.create({}, name)
    await cp(join(fixtures, fixture), project.root, { recursive: true, verbatimSymlinks: true })
    return project
  }

  static async create(files: Readonly<Record<string, string>>, name = 'project'): Promise<TestProject> {
    const outer = await realpath(await mkdtemp(join(tmpdir(), 'cowait-project-')))
    const project = new TestProject(outer, join(outer, name))
    await mkdir(project.root)
    await project.write(files)
    return project
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#outer, { recursive: true, force: true })
  }

  path(name: string): string {
    return join(this.root, name)
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(this.path(name)), { recursive: true })
      await writeFile(this.path(name), text)
    }
  }

  async find(name = '.'): Promise<Project> {
    return await findProject(this.path(name))
  }

  async compile(name = '.'): Promise<CompiledTree> {
    return await compileProject(await findPlace(this.path(name)))
  }

  /** Compiles, imports a module in a process of its own, and answers what an expression about its namespace `m` says. */
  async evaluate(module: string, expression: string, options: EvaluateOptions = {}): Promise<unknown> {
    const { value, error, stderr } = await this.run(module, expression, options)
    if (error) throw new Error(error.stack)
    if (stderr !== '') throw new Error(`printed ${stderr}`)
    return value
  }

  async run(
    module: string,
    expression: string,
    { start = '.', cwd = this.root, node = process.execPath }: EvaluateOptions = {},
  ): Promise<Evaluated> {
    const tree = await this.compile(start)
    const place = tree.modules.get(module)
    if (!place) throw new Error(`no module ${module} among ${[...tree.modules.keys()].join(', ')}`)
    const url = pathToFileURL(join(tree.directory, place.compiled)).href
    const program = `
      process.setSourceMapsEnabled(true)
      const registered = {}
      globalThis[Symbol.for('cowait.modules')] = (name, namespace) => { registered[name] = Object.keys(namespace) }
      let answer
      try { const m = await import(${JSON.stringify(url)}); answer = { value: await (${expression}), registered } }
      catch (error) { answer = { error: { name: error.name, message: error.message, stack: error.stack }, registered } }
      console.log(JSON.stringify(answer))`
    const { stdout, stderr } = await promisify(execFile)(node, ['--input-type=module', '-e', program], { cwd })
    return { ...(JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Evaluated), stderr }
  }
}

interface EvaluateOptions {
  /** Where the project is looked for. */
  readonly start?: string
  readonly cwd?: string
  readonly node?: string
}

interface Evaluated {
  readonly value?: unknown
  readonly error?: { readonly name: string; readonly message: string; readonly stack: string }
  /** The names that each module registered. */
  readonly registered: Readonly<Record<string, readonly string[]>>
  readonly stderr: string
}
