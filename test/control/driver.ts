/** Plays one cell of the kill matrix and looks at it from outside: at processes, containers and files, never through cowait. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunEvent } from '../../src/core/events.ts'
import { probes, type EngineProbe, type EngineWay } from './engine-probe.ts'
import { callersOf, expectedOf, isFromOutside, isHost, type Cell, type Expected } from './matrix.ts'

const repository = join(import.meta.dirname, '../..')
const program = join(repository, 'dist/cli.js')
/** Leaf and siblings, and the two above them. */
const STANDING = 3
const START_MS = 120_000

/** A copy of the fixture with nothing around it, and the folder of every cell's private files. */
export class ControlProject implements Disposable {
  readonly base: string = mkdtempSync(join(tmpdir(), 'cowait-control-'))
  readonly root: string = join(this.base, 'project')

  constructor() {
    cpSync(join(repository, 'test/fixtures/control'), this.root, { recursive: true })
    mkdirSync(join(this.root, 'node_modules'))
    symlinkSync(repository, join(this.root, 'node_modules/cowait'))
  }

  [Symbol.dispose](): void {
    rmSync(this.base, { recursive: true, force: true })
  }
}

export interface Outcome {
  /** Empty if all is as it must be. */
  readonly wrong: readonly string[]
  /** From the death until nothing is left: of one that is asked to end, from the asking; of a script that ends itself, from its end. */
  readonly goneMs: number
  /** What the caller of the dead one got, or the command line if that was nobody. */
  readonly told: string | undefined
}

export async function play(cell: Cell, project: ControlProject, megabytes: number): Promise<Outcome> {
  const folder = mkdtempSync(join(project.base, 'cell-'))
  await using way = cell.how === 'cut' ? await probes[cell.engine].way?.(folder) : undefined
  const host = new CellHost(cell, { root: project.root, folder, megabytes, way })
  const wrong: string[] = []
  let goneMs = Number.NaN
  const { goneMs: goneBoundMs } = probes[cell.engine]
  try {
    if (isHost(cell.who)) await host.strike(cell)
    if (isFromOutside(cell)) await host.reach(cell)
    const exit = await within(host.ended, START_MS)
    const endedAt = performance.now()
    await within(host.heard, goneBoundMs)
    if (exit === undefined) wrong.push(`did not end within ${START_MS} ms`)
    const left = await host.leftovers(endedAt + goneBoundMs)
    const diedAt = isHost(cell.who) && !isAsked(cell) ? endedAt : (host.diedAt ?? endedAt)
    goneMs = performance.now() - diedAt
    if (left.length > 0) wrong.push(`left ${goneBoundMs} ms after the end: ${left.join('; ')}`)
    else if (goneMs > goneBoundMs) wrong.push(`it took ${Math.round(goneMs)} ms until nothing was left`)
    const expected = expectedOf(cell)
    if (exit !== undefined && exit !== expected.exit) wrong.push(`exit ${exit}, expected ${expected.exit}`)
    if (expected.error) wrong.push(...host.untold(expected.error, callersOf(cell.who)))
    if (expected.hasLastWords && !host.lines.includes('last words 19')) wrong.push('the last words were lost')
  } catch (error) {
    wrong.push((error as Error).message)
  } finally {
    await host.end()
  }
  if (wrong.length > 0) wrong.push(`stdout and stderr:\n${host.stdout.slice(-3_000)}\n${host.stderr.slice(-3_000)}`)
  return { wrong, goneMs, told: host.told(callersOf(cell.who)[0]) }
}

/** It ends by its own doing, and may take the time that cancelling takes. */
function isAsked({ how }: Cell): boolean {
  return how === 'SIGINT' || how === 'SIGTERM' || how === 'SIGHUP' || how === 'timeout'
}

interface CellPlace {
  readonly root: string
  /** For its private files. */
  readonly folder: string
  readonly megabytes: number
  readonly way: EngineWay | undefined
}

class CellHost {
  readonly child: ChildProcess
  readonly ended: Promise<number | string>
  /** All that it and its workers said has been read. */
  readonly heard: Promise<unknown>
  stdout = ''
  stderr = ''
  /** When the one who dies did: as seen from here. */
  diedAt: number | undefined
  readonly #folder: string
  readonly #probe: EngineProbe
  readonly #way: EngineWay | undefined
  readonly #owners = new Set<string>()
  #onText: (() => void)[] = []
  #isOver = false

  constructor({ engine, ...cell }: Cell, { root, folder, megabytes, way }: CellPlace) {
    this.#probe = probes[engine]
    this.#way = way
    this.#folder = folder
    // Who runs out of memory says so long before; who is retried dies twice.
    const death = cell.how === 'oom' ? /"type":"settled"[^\n]*"code":"TASK_LOST"/ : /last words 19/
    const how = isFromOutside({ engine, how: cell.how }) ? 'outside' : cell.how
    const input = JSON.stringify({
      who: isHost(cell.who) ? 'host' : cell.who,
      how,
      during: cell.during,
      beside: cell.beside,
      attempts: 2,
      megabytes,
    })
    const args =
      cell.who === 'script'
        ? ['script.mjs', input]
        : [program, 'run', 'tree.mjs:root', ...flagsOf({ ...cell, how }, this.#probe.standing), ...inputsOf(input)]
    this.child = spawn(process.execPath, [...(cell.how === 'oom' && cell.who === 'script' ? ['--max-old-space-size=64'] : []), ...args], {
      cwd: root,
      env: { ...ownEnvironment(), TMPDIR: folder, COWAIT_ENGINE: engine, ...way?.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.child.stdin!.on('error', () => undefined)
    for (const stream of ['stdout', 'stderr'] as const) {
      this.child[stream]!.setEncoding('utf8').on('data', (text: string) => {
        this[stream] += text
        this.#noteOwners()
        if (death.test(text)) this.diedAt = performance.now()
        else if (text.includes('"type":"cancelling"')) this.diedAt ??= performance.now()
        for (const resolve of this.#onText.splice(0)) resolve()
      })
    }
    this.heard = once(this.child, 'close')
    this.ended = once(this.child, 'exit').then(([code, signal]) => {
      this.#isOver = true
      for (const resolve of this.#onText.splice(0)) resolve()
      return (signal ?? code) as number | string
    })
  }

  get events(): RunEvent[] {
    return this.stdout
      .slice(0, this.stdout.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as RunEvent)
  }

  /** What the workers printed, in order of arrival. */
  get lines(): string[] {
    return this.events.flatMap((event) => (event.type === 'log' ? [event.text] : []))
  }

  /** Waits until the tree is where the cell wants it, and kills the host. */
  async strike({ who, how, during }: Cell): Promise<void> {
    const text = () => (who === 'cli' ? this.lines : this.stderr.split('\n').map((line) => line.slice(line.indexOf('| ') + 2)))
    const stands = () => text().filter((line) => line === 'stands').length
    const isThere = during === 'start' ? () => stands() >= 1 : () => stands() >= STANDING + (during === 'awaiting' ? 1 : 0)
    await this.#until(isThere)
    if (how === 'timeout') return
    this.diedAt = performance.now()
    if (how.startsWith('SIG')) process.kill(this.child.pid!, how)
    else this.child.stdin!.write(how)
  }

  /** Does to a worker from outside what it is to die of, once it has said its last words; to each attempt of it. */
  async reach({ who, how, during }: Cell): Promise<void> {
    for (let attempt = 1; attempt <= (during === 'retrying' ? 2 : 1); attempt++) {
      const isOfIt = (event: RunEvent): boolean => 'attempt' in event && event.run.startsWith(who) && event.attempt === attempt
      await this.#until(() => this.events.some((event) => event.type === 'log' && event.text === 'last words 19' && isOfIt(event)))
      const start = this.events.find((event) => event.type === 'starting' && isOfIt(event))
      if (start?.type !== 'starting') throw new Error(`attempt ${attempt} of ${who} has no worker`)
      this.diedAt = performance.now()
      if (how === 'cut') this.#way!.cut(start.worker)
      else await this.#probe.remove(start.worker)
    }
  }

  /** What of the cell is still there when `deadline` has passed. */
  async leftovers(deadline: number): Promise<string[]> {
    for (;;) {
      const left = [...this.#processes(), ...this.#folders(), ...(await this.#probe.left([...this.#owners]))]
      if (left.length === 0 || performance.now() > deadline) return left
      await delay(100)
    }
  }

  /** Callers that were not told of the cause. The nearest one gets the code. */
  untold({ code, cause }: NonNullable<Expected['error']>, callers: readonly string[]): string[] {
    return [...callers, undefined].flatMap((caller, index) => {
      const text = this.told(caller)
      const isTold = text !== undefined && cause.test(text) && (index > 0 || text.includes(`"code":"${code}"`))
      return isTold ? [] : [`${caller ?? 'the command line'} was told ${text}, not ${code} with ${cause}`]
    })
  }

  /** Each caller prints what it caught, the command line says it last. */
  told(caller: string | undefined): string | undefined {
    if (caller === undefined) {
      const settled = this.events.findLast((event) => event.type === 'settled')
      return settled?.type === 'settled' ? JSON.stringify(settled.error) : undefined
    }
    const log = this.events.find((event) => event.type === 'log' && event.run.startsWith(caller) && event.text.startsWith('caught '))
    return log?.type === 'log' ? log.text.slice('caught '.length) : undefined
  }

  async end(): Promise<void> {
    if (!this.#isOver) this.child.kill('SIGKILL')
    await this.ended
    for (const pid of this.#pids()) process.kill(pid, 'SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #until(isThere: () => boolean): Promise<void> {
    const deadline = delay(START_MS, undefined, { ref: false })
    let isLate = false
    void deadline.then(() => (isLate = true))
    while (!isThere()) {
      if (this.#isOver) throw new Error('it ended before its tree stood')
      if (isLate) throw new Error(`its tree did not stand within ${START_MS} ms`)
      await Promise.race([deadline, new Promise<void>((resolve) => this.#onText.push(resolve))])
    }
  }

  /** The folders of supervisors have their names, by which containers are labelled. */
  #noteOwners(): void {
    for (const owner of this.#folders()) this.#owners.add(owner)
  }

  /** Beside them is what workers have compiled, for those to come. */
  #folders(): string[] {
    const folder = join(this.#folder, `cowait-${process.getuid?.()}`)
    return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('code-')) : []
  }

  #processes(): string[] {
    return this.#pids().map((pid) => `process ${pid}: ${read(pid, 'cmdline').replaceAll('\0', ' ').slice(0, 200)}`)
  }

  #pids(): number[] {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && pid !== process.pid && `${read(pid, 'environ')}${read(pid, 'cmdline')}`.includes(this.#folder))
  }
}

function flagsOf(
  { how, during, who }: Pick<Cell, 'during' | 'who'> & { readonly how: Cell['how'] | 'outside' },
  standing: string,
): string[] {
  return [
    '--ndjson',
    '--no-record',
    '--grace',
    '1s',
    ...(how === 'timeout' ? ['--timeout', standing] : []),
    ...(who === 'root' && how === 'oom' ? ['--memory', '96m'] : []),
    ...(who === 'root' && during === 'retrying' ? ['--retry', '1'] : []),
    ...(who === 'root' && during === 'start' ? ['-e', `DIE_AT_IMPORT=${how}`] : []),
  ]
}

function inputsOf(input: string): string[] {
  return Object.entries(JSON.parse(input) as object).flatMap(([name, value]) => ['-i', `${name}=${value}`])
}

/** What the test runner was started with must not decide. */
function ownEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|COWAIT_|VITEST|XDG_RUNTIME_DIR|NODE_OPTIONS$|NODE_ENV$)/.test(name)),
  )
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const timer = new AbortController()
  const late = delay(ms, undefined, { signal: timer.signal }).catch(() => undefined)
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
