import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const repository = join(here, '../..')
export const program: string = join(repository, 'dist/cli.js')

/** Not among the files, where every tool would stumble over it. */
const SYNTAX_ERROR = `import { task } from 'cowait'

export const broken = task(async () => {
  return (
})
`

/** A copy of the tests' project in a folder of its own. */
export class TestProject implements Disposable {
  readonly root: string

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), 'cowait cli ü-'))
    cpSync(join(here, 'project'), this.root, { recursive: true })
    this.write('syntax-error.ts', SYNTAX_ERROR)
    symlinkSync(join(repository, 'node_modules'), join(this.root, 'node_modules'))
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.root, path), text)
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface InvocationOptions {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  readonly stdin?: 'ignore' | 'pipe'
  /** A program with its arguments that starts the command line. */
  readonly through?: readonly string[]
}

/** One start of the command line. */
export class Invocation {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly ended: Promise<Ended>
  #onText: (() => void)[] = []

  constructor(args: readonly string[], { cwd, env = {}, stdin = 'ignore', through = [] }: InvocationOptions) {
    const [command = process.execPath, ...words] = [...through, process.execPath, program, ...args]
    this.child = spawn(command, words, {
      cwd,
      env: { ...cleanEnvironment(), XDG_CONFIG_HOME: join(cwd, 'no-config'), COWAIT_ENGINE: 'process', ...env },
      stdio: [stdin, 'pipe', 'pipe'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take('stdout', text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#take('stderr', text))
    this.ended = once(this.child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }))
  }

  /** Resolves when stderr has shown the text this many times. Rejects when the command ends before. */
  async shows(text: string, times = 1): Promise<void> {
    const isThere = (): boolean => this.stderr.split(text).length > times
    const over = this.ended.then((ended) => {
      if (!isThere()) throw new Error(`ended with ${ended.code} before it showed ${JSON.stringify(text)}:\n${ended.stderr}`)
    })
    while (!isThere()) await Promise.race([over, new Promise<void>((resolve) => this.#onText.push(resolve))])
  }

  /** The same for stdout. */
  async prints(text: string): Promise<void> {
    const over = this.ended.then((ended) => {
      if (!this.stdout.includes(text)) throw new Error(`ended with ${ended.code} before it printed ${JSON.stringify(text)}`)
    })
    while (!this.stdout.includes(text)) await Promise.race([over, new Promise<void>((resolve) => this.#onText.push(resolve))])
  }

  #take(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text
    for (const resolve of this.#onText.splice(0)) resolve()
  }
}

export async function cowait(args: readonly string[], options: { cwd: string; env?: NodeJS.ProcessEnv }): Promise<Ended> {
  return await new Invocation(args, options).ended
}

/** All processes below one, however deep. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const child = Number(name)
    if (!Number.isInteger(child)) continue
    const parent = parentOf(child)
    if (parent !== undefined) parents.set(parent, [...(parents.get(parent) ?? []), child])
  }
  const below = (one: number): number[] => (parents.get(one) ?? []).flatMap((child) => [child, ...below(child)])
  return below(pid)
}

/** Resolves when none of the processes lives, rejects after a bound that names those that do. */
export async function gone(pids: readonly number[], withinMs = 10_000): Promise<void> {
  const until = Date.now() + withinMs
  for (;;) {
    const alive = pids.filter((pid) => isAlive(pid))
    if (alive.length === 0) return
    if (Date.now() > until) throw new Error(`still alive after ${withinMs} ms: ${alive.join(' ')}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function isAlive(pid: number): boolean {
  return statOf(pid)?.[0] !== undefined && statOf(pid)?.[0] !== 'Z'
}

function parentOf(pid: number): number | undefined {
  const parent = statOf(pid)?.[1]
  return parent === undefined ? undefined : Number(parent)
}

function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** What the test runner was started with must not decide: npm's marks, colours, CI. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|COWAIT_|VITEST|FORCE_COLOR$|NO_COLOR$|CI$|NODE_OPTIONS$|NODE_ENV$)/.test(name)),
  )
}
