/**
 * Finds processes by the mark in their environment, whatever group, session or parent they have. Linux only: elsewhere nothing is
 * found, and a subprocess that left its worker's process group is out of reach.
 */
import { readFile, readdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { afterName, isZombie } from '../host-process.ts'
import { findMark, type Mark } from './marker.ts'

const READS_AT_ONCE = 16
/** The process has gone meanwhile, or belongs to somebody else. */
const UNREADABLE = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])
/** Other reads give descriptors back soon. */
const NO_DESCRIPTOR = new Set(['EMFILE', 'ENFILE'])
const DESCRIPTOR_WAIT_MS = 5_000
const NAP_MS = 10
/** More than any `exec` takes that does not wait for a broken file system. */
const EXEC_WAIT_MS = 1_000
const EMPTY_LOOKS = 3

interface Request {
  readonly needle: string
  readonly since: Moment | undefined
  readonly settle: (found: number[] | PromiseLike<number[]>) => void
}

/** A process id and how many processes the kernel had started when that id was given out, or earlier. */
export interface Moment {
  readonly pid: number
  readonly forks: number
}

export class ProcessTable {
  readonly #isLinux: boolean = process.platform === 'linux'
  #waiting: Request[] = []
  #scanning = false
  #scans = 0
  #forks = 0

  /** How often all processes were gone through. */
  get scans(): number {
    return this.#scans
  }

  /** Makes the first scans cheap: what is older than this call need not be looked at. Without it they take all processes. */
  async prime(): Promise<void> {
    if (this.#isLinux) this.#forks = await countForks().catch(() => 0)
  }

  /** To be asked right after a process was started. */
  momentOf(pid: number): Moment {
    return { pid, forks: this.#forks }
  }

  /**
   * The ids of processes that have `needle` in their environment. With `since`, only descendants of that process are looked for.
   * Requests that come during a scan share the next one.
   */
  find(needle: string, since?: Moment): Promise<number[]> {
    if (!this.#isLinux) return Promise.resolve([])
    return new Promise((settle) => {
      this.#waiting.push({ needle, since, settle })
      if (!this.#scanning) void this.#scanWhileAsked()
    })
  }

  /** All marked processes, subprocesses of workers included. */
  async marks(): Promise<{ readonly pid: number; readonly mark: Mark }[]> {
    if (!this.#isLinux) return []
    const found: { pid: number; mark: Mark }[] = []
    await each(await processIds(), async (pid) => {
      const mark = findMark(await environmentOf(pid))
      if (mark) found.push({ pid, mark })
    })
    return found
  }

  /** Whether a process group has a member that still runs; a zombie does not. */
  async groupLives(group: number): Promise<boolean> {
    let lives = false
    await each(await processIds(), async (pid) => {
      const stat = (await textOf(pid, 'stat')) ?? ''
      if (Number(afterName(stat).split(' ')[2]) === group && !isZombie(stat)) lives = true
    })
    return lives
  }

  /** Never rejects: a failed scan rejects the requests that it was for. */
  async #scanWhileAsked(): Promise<void> {
    this.#scanning = true
    while (this.#waiting.length > 0) {
      const requests = this.#waiting
      this.#waiting = []
      try {
        const found = await this.#scan(requests)
        for (const [index, request] of requests.entries()) request.settle(found[index] ?? [])
      } catch (error) {
        for (const request of requests) request.settle(Promise.reject(error as Error))
      }
    }
    this.#scanning = false
  }

  async #scan(requests: readonly Request[]): Promise<number[][]> {
    this.#scans++
    const found = requests.map((): number[] => [])
    const lowest = await this.#lowestPid(requests)
    const candidates = (await processIds()).filter((pid) => pid >= lowest && pid !== process.pid)
    await each(candidates, async (pid) => {
      const environment = await environmentOf(pid)
      for (const [index, { needle }] of requests.entries()) if (environment.includes(needle)) found[index]?.push(pid)
    })
    return found
  }

  /**
   * Ids are given out in rising order until they wrap around. As long as the kernel has started fewer processes since then than
   * there were ids left (those that are taken are passed over), every descendant's id is above its ancestor's, and older processes
   * need no look.
   */
  async #lowestPid(requests: readonly Request[]): Promise<number> {
    const [forks, taken, limit] = await Promise.all([
      countForks(),
      countTaken(),
      patiently(() => readFile('/proc/sys/kernel/pid_max', 'latin1')),
    ])
    const lowest = requests.map(({ since }) => (since && forks - since.forks + taken < Number(limit) - since.pid ? since.pid : 0))
    this.#forks = forks
    return Math.min(...lowest)
  }
}

/** Processes and threads that the kernel has started since the boot. */
async function countForks(): Promise<number> {
  const stat = await patiently(() => readFile('/proc/stat', 'latin1'))
  return Number(/^processes (\d+)$/m.exec(stat)?.[1] ?? Infinity)
}

/** Processes and threads that there are. */
async function countTaken(): Promise<number> {
  const load = await patiently(() => readFile('/proc/loadavg', 'latin1'))
  return Number(/\/(\d+) /.exec(load)?.[1] ?? Infinity)
}

async function processIds(): Promise<number[]> {
  return (await patiently(() => readdir('/proc'))).map(Number).filter((pid) => pid > 0)
}

async function each(pids: readonly number[], look: (pid: number) => Promise<void>): Promise<void> {
  const rest = pids.values()
  const work = async (): Promise<void> => {
    for (const pid of rest) await look(pid)
  }
  await Promise.all(Array.from({ length: Math.min(READS_AT_ONCE, pids.length) }, work))
}

/** Undefined where there is no such process, or where it belongs to somebody else. */
async function textOf(pid: number, file: 'environ' | 'stat'): Promise<string | undefined> {
  try {
    return await patiently(() => readFile(`/proc/${pid}/${file}`, 'latin1'))
  } catch (error) {
    if (UNREADABLE.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/**
 * Empty for a process that has none. One in the middle of `exec` shows none either, neither the old nor the new, but it will: its stat
 * has memory (field 23) and no place for an environment yet, or one with something in it (fields 50 and 51; proc_pid_stat(5)).
 */
async function environmentOf(pid: number): Promise<string> {
  const deadline = performance.now() + EXEC_WAIT_MS
  for (let looks = 0; performance.now() < deadline; await delay(1)) {
    const environment = await textOf(pid, 'environ')
    if (environment !== '') return environment ?? ''
    const fields = afterName((await textOf(pid, 'stat')) ?? '').split(' ')
    const [memory = '0', start = '0', end = '0'] = [fields[20], fields[47], fields[48]]
    if (memory === '0') return ''
    // The kernel sets both to the same for an instant, before it says how much there is.
    if (start === end && end !== '0' && ++looks === EMPTY_LOOKS) return ''
  }
  return ''
}

/** Ending workers must not fail for the same want of descriptors for which a start has failed. */
async function patiently<T>(read: () => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + DESCRIPTOR_WAIT_MS; ; await delay(NAP_MS)) {
    try {
      return await read()
    } catch (error) {
      if (!NO_DESCRIPTOR.has((error as NodeJS.ErrnoException).code ?? '') || performance.now() > deadline) throw error
    }
  }
}
