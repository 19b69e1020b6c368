/** A project in a temporary folder, an engine, and workers that do what they are told. What it started, it proves to be gone. */
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe } from 'vitest'
import type { StartPhase, Worker, WorkerSpec } from '../../../src/core/engine.ts'
import type { Tree } from '../../../src/core/tree.ts'
import { hasDocker } from './available.ts'
import { createDockerEngine, type DockerEngine } from '../../../src/engines/docker/docker-engine.ts'

const run = promisify(execFile)

/** Docker as people see it. */
export async function docker(...command: string[]): Promise<string> {
  return (await run('docker', command, { maxBuffer: 16 << 20 })).stdout.trim()
}

/** Skips without Docker at home, fails without it in CI. */
export const describeDocker: ReturnType<typeof describe.skipIf> = describe.skipIf(!hasDocker())

/** Waits for a condition; answers how long that took. */
export async function until(what: string, isSo: () => Promise<boolean>, boundMs = 10_000): Promise<number> {
  const from = Date.now()
  while (!(await isSo())) {
    if (Date.now() - from > boundMs) throw new Error(`Not so within ${boundMs} ms: ${what}`)
    await pause(50)
  }
  return Date.now() - from
}

export interface ProjectOptions {
  /** Files of the project, which all are part of the tree. */
  readonly files?: Readonly<Record<string, string>>
  /** Files beside the tree: dependencies, and what else is at home only. */
  readonly home?: Readonly<Record<string, string>>
  /** Relative path to what it links to. */
  readonly links?: Readonly<Record<string, string>>
}

export interface Project {
  readonly folder: string
  readonly tree: Tree
  readonly runtimeDirectory: string
}

const resolveSource = `export async function probe(specifier) {
  try { return { ...(await import(specifier)) } } catch (error) { return { error: error.code } }
}
`

export function makeProject({ files = {}, home = {}, links = {} }: ProjectOptions = {}): Project {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-docker-'))
  const root = join(folder, 'project')
  const runtimeDirectory = join(folder, 'installed/cowait/dist')
  cpSync(join(import.meta.dirname, 'runtime'), runtimeDirectory, { recursive: true })
  const exports = { '.': './dist/index.js' }
  writeFileSync(
    join(dirname(runtimeDirectory), 'package.json'),
    JSON.stringify({ name: 'cowait', version: '1.2.3', type: 'module', exports }),
  )
  const all = { 'package.json': '{"type":"module"}', 'resolve.js': resolveSource, ...files }
  const hash = createHash('sha256')
    .update(JSON.stringify(all) + folder)
    .digest('hex')
  const directory = join(root, '.cowait/cache/trees', hash)
  write(root, { ...all, ...home })
  write(directory, all)
  mkdirSync(join(directory, 'node_modules'), { recursive: true })
  symlinkSync(dirname(runtimeDirectory), join(directory, 'node_modules/cowait'))
  for (const [path, to] of Object.entries(links)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    symlinkSync(to, join(root, path))
  }
  const listed = Object.entries(all).map(([path, text]) => ({
    path,
    mode: 0o644,
    size: Buffer.byteLength(text),
    sha256: createHash('sha256').update(text).digest('hex'),
  }))
  return { folder, tree: { hash, files: listed, directory, root }, runtimeDirectory }
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

/** A worker of `runtime/worker.js`. */
export class Told {
  readonly worker: Worker
  /** Everything that was printed, once it ended. */
  readonly printed: Promise<string>
  text = ''
  readonly #answers: AsyncIterator<string>

  constructor(worker: Worker) {
    this.worker = worker
    this.#answers = createInterface({ input: worker.channel })[Symbol.asyncIterator]()
    this.printed = this.#collect()
  }

  /** Sends a command and waits for its answer. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects, it says itself
  async tell(command: string, argument?: unknown): Promise<any> {
    this.send(command, argument)
    return this.next()
  }

  send(command: string, argument: unknown = null): void {
    this.worker.channel.write(`${JSON.stringify([command, argument])}\n`)
  }

  async next(): Promise<unknown> {
    const { value, done } = await this.#answers.next()
    return done ? undefined : JSON.parse(value)
  }

  async #collect(): Promise<string> {
    for await (const chunk of this.worker.output) this.text += Buffer.from(chunk).toString('utf8')
    return this.text
  }
}

export interface RigOptions extends ProjectOptions {
  readonly settings?: Readonly<Record<string, unknown>>
  readonly env?: NodeJS.ProcessEnv
  readonly project?: Project
}

export class Rig implements AsyncDisposable {
  readonly owner: string
  readonly project: Project
  readonly engine: DockerEngine
  readonly phases: StartPhase[] = []
  #count = 0

  private constructor(project: Project, engine: DockerEngine, owner: string) {
    this.project = project
    this.engine = engine
    this.owner = owner
  }

  static async open({ settings, env, project, ...rest }: RigOptions = {}): Promise<Rig> {
    const own = project ?? makeProject(rest)
    const owner = `test-${randomUUID().slice(0, 8)}`
    const engine = await createDockerEngine({
      owner,
      runtimeDirectory: own.runtimeDirectory,
      ...(settings && { settings }),
      ...(env && { env }),
    })
    return new Rig(own, engine, owner)
  }

  static around(project: Project, engine: DockerEngine, owner: string): Rig {
    return new Rig(project, engine, owner)
  }

  async spec(partial: Partial<WorkerSpec> = {}): Promise<WorkerSpec> {
    const code = await this.engine.provide(this.project.tree, AbortSignal.timeout(20_000))
    const id = `worker-${randomUUID().slice(0, 8)}-${++this.#count}`
    return {
      id,
      owner: this.owner,
      name: `run-${this.#count}`,
      code,
      resources: {},
      mounts: [],
      ports: {},
      labels: {},
      settings: {},
      ...partial,
    }
  }

  async start(partial: Partial<WorkerSpec> = {}, signal: AbortSignal = AbortSignal.timeout(60_000)): Promise<Told> {
    return new Told(await this.engine.start(await this.spec(partial), signal, (phase) => this.phases.push(phase)))
  }

  /** What Docker itself says about a worker's container. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects, it says itself
  async inspect(told: Told): Promise<any> {
    const id = await this.containerId(told)
    return JSON.parse(await docker('inspect', id))[0]
  }

  containerId(told: Told): Promise<string> {
    return docker('ps', '-aq', '--no-trunc', '--filter', `label=cowait.worker=${told.worker.id}`)
  }

  /** Containers of this rig that exist. */
  async left(): Promise<string[]> {
    const format = '{{.ID}} {{.Names}} {{.Status}} {{.Label "cowait.carrier"}}'
    return (await docker('ps', '-a', '--format', format, '--filter', `label=cowait.owner=${this.owner}`)).split('\n').filter(Boolean)
  }

  async removeAll(): Promise<void> {
    const infos = await this.engine.list({ owner: this.owner })
    await Promise.all(infos.map(({ id }) => this.engine.remove(id, 0)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.removeAll()
    await this.engine.close()
    rmSync(this.project.folder, { recursive: true, force: true })
    const left = await this.left()
    if (left.length > 0) throw new Error(`Containers were left behind: ${left.join(', ')}`)
  }
}
