/** The kill matrix as data: who dies, how, while it does what, beside whom, on which engine; and what must come of it. */

import type { ErrorCode } from '../../src/core/events.ts'

export const engines = ['process', 'docker', 'kubernetes'] as const
export type EngineName = (typeof engines)[number]
export type Who = 'cli' | 'script' | 'root' | 'middle' | 'leaf'
export type How = (typeof hows)[number]

export const whos = ['cli', 'script', 'root', 'middle', 'leaf'] as const
export const hows = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGKILL',
  'exit0',
  'exit7',
  'abort',
  'rejection',
  'overflow',
  'oom',
  'timeout',
  'removed',
  'crash',
  'cut',
] as const
export const durings = ['idle', 'awaiting', 'busy', 'stubborn', 'subprocess', 'start', 'result', 'finally', 'retrying'] as const
export const besides = ['idle', 'busy', 'stubborn', 'subprocess'] as const

export interface Cell {
  readonly engine: EngineName
  readonly who: Who
  readonly how: How
  /** What the one who dies is doing; for the command line and a script, what the leaf is doing. */
  readonly during: (typeof durings)[number]
  /** What the siblings at each level are doing. */
  readonly beside: (typeof besides)[number]
}

type Signal = 'SIGKILL' | 'SIGABRT' | 'SIGSEGV'

export interface Expected {
  /** The exit code of the command line or script; a signal where that ends it. */
  readonly exit: number | Signal
  /** What every caller above the dead one gets; absent where nobody is left to be told. */
  readonly error?: { readonly code: ErrorCode; readonly cause: RegExp }
  readonly hasLastWords: boolean
}

const exitCodes: Partial<Record<How, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, timeout: 124 }

const causes: Record<How, RegExp> = {
  SIGINT: /SIGINT/,
  SIGTERM: /SIGTERM|exit code 143/,
  SIGHUP: /SIGHUP|exit code 129/,
  SIGKILL: /SIGKILL|exit code 137/,
  exit0: /exit code 0/,
  exit7: /exit code 7/,
  abort: /SIGABRT|exit code 134/,
  rejection: /nobody caught this/,
  overflow: /Maximum call stack size exceeded/,
  oom: /out of memory/,
  timeout: /timed out/,
  removed: /removed from outside|deleted by somebody else|SIGKILL|exit code 137/,
  crash: /SIGSEGV|exit code 139/,
  cut: /the connection to its worker was lost/,
}

export function isHost(who: Who): boolean {
  return who === 'cli' || who === 'script'
}

/** A worker is removed by hand; the channel of a container is what its engine carries. All else a worker does to itself. */
export function isFromOutside({ engine, how }: Pick<Cell, 'engine' | 'how'>): boolean {
  return how === 'removed' || (how === 'cut' && engine === 'docker')
}

/**
 * Only containers and pods are removed from outside, and only workers have a channel. A worker lets Ctrl-C pass, for a terminal sends it
 * to all; one that ignores SIGTERM does not die of it.
 */
function isPossible({ engine, who, how, during }: Cell): boolean {
  if (how === 'removed') return engine !== 'process' && !isHost(who)
  if (how === 'cut') return !isHost(who)
  if (who === 'cli') return /^SIG|^timeout$/.test(how) && !(how === 'timeout' && (during === 'start' || during === 'retrying'))
  if (who === 'script') return how !== 'timeout' && !(during === 'start' && how === 'oom')
  if (how === 'timeout' || how === 'SIGINT') return false
  // A function that has returned cannot fail any more; and a memory limit ends a large result before it is under way.
  if (during === 'result') return !['rejection', 'overflow', 'oom'].includes(how)
  if (during === 'stubborn') return how !== 'SIGTERM'
  return true
}

export function expectedOf({ who, how, during }: Cell): Expected {
  if (who === 'cli') return { exit: how === 'SIGKILL' ? 'SIGKILL' : exitCodes[how]!, hasLastWords: false }
  if (who === 'script') return { exit: exitOfScript(how), hasLastWords: false }
  const isThrown = how === 'rejection' || how === 'overflow'
  // A rejection while a module loads keeps it from nothing; it fails the run all the same.
  const code = !isThrown ? 'TASK_LOST' : how === 'overflow' && during === 'start' ? 'TASK_NOT_LOADED' : 'TASK_FAILED'
  const exitOfRoot = { TASK_LOST: 3, TASK_NOT_LOADED: 2, TASK_FAILED: 1 }[code]
  // A root that does not catch what became of its child has failed itself.
  return { exit: who === 'root' ? exitOfRoot : 1, error: { code, cause: causes[how] }, hasLastWords: true }
}

function exitOfScript(how: How): number | Signal {
  if (how === 'SIGKILL') return 'SIGKILL'
  if (how === 'crash') return 'SIGSEGV'
  if (how === 'abort' || how === 'oom') return 'SIGABRT'
  if (how === 'rejection' || how === 'overflow') return 1
  return exitCodes[how] ?? Number(how.slice(4))
}

/** Cells in which every possible pair of values occurs at least once, per engine. The same ones each time. */
export function pairwise(engine: EngineName): readonly Cell[] {
  let cells = chosen.get(engine)
  if (!cells) chosen.set(engine, (cells = choose(engine)))
  return cells
}

const chosen = new Map<EngineName, readonly Cell[]>()

/** In two turns: what was added to the matrix later adds cells, and leaves those that were chosen without it as they were. */
function choose(engine: EngineName): readonly Cell[] {
  const all = allOf(engine)
  const first = covering(all.filter((one) => !isAdded(one)))
  return [...first, ...covering(mixed(all), first)]
}

/** In an order in which no value is the first: of cells that are worth as much, the first is taken. */
function mixed(cells: readonly Cell[]): Cell[] {
  const farPrime = 7_919
  return cells.map((_, index) => cells[(index * farPrime) % cells.length]!)
}

function isAdded({ how, during }: Cell): boolean {
  return how === 'crash' || how === 'cut' || (how === 'removed' && (during === 'start' || during === 'retrying' || during === 'result'))
}

/** Of these cells as many as it takes for every pair that is not in those `there` already. */
function covering(cells: readonly Cell[], there: readonly Cell[] = []): Cell[] {
  const open = new Set(cells.flatMap(pairsOf))
  for (const pair of there.flatMap(pairsOf)) open.delete(pair)
  let all = cells.map((cell) => ({ cell, pairs: pairsOf(cell) }))
  const taken: Cell[] = []
  for (;;) {
    all = all.map(({ cell, pairs }) => ({ cell, pairs: pairs.filter((pair) => open.has(pair)) })).filter(({ pairs }) => pairs.length > 0)
    if (all.length === 0) return taken
    const best = all.reduce((a, b) => (b.pairs.length > a.pairs.length ? b : a))
    taken.push(best.cell)
    for (const pair of best.pairs) open.delete(pair)
  }
}

function allOf(engine: EngineName): Cell[] {
  const cells = whos.flatMap((who) =>
    hows.flatMap((how) => durings.flatMap((during) => besides.map((beside): Cell => ({ engine, who, how, during, beside })))),
  )
  return cells.filter(isPossible)
}

function pairsOf({ who, how, during, beside }: Cell): string[] {
  const values = [who, how, during, beside]
  return values.flatMap((a, i) => values.slice(i + 1).map((b, j) => `${i}${a} ${i + 1 + j}${b}`))
}

const cell = (text: string): Cell => {
  const [engine, who, how, during, beside] = text.split(' ') as [EngineName, Who, How, Cell['during'], Cell['beside']]
  return { engine, who, how, during, beside }
}

/** What every run of the tests tries. */
export const fast: readonly Cell[] = [
  'process cli SIGINT idle subprocess',
  'process cli SIGTERM busy stubborn',
  'process cli SIGHUP finally idle',
  'process cli SIGKILL subprocess busy',
  'process cli SIGKILL start stubborn',
  'process cli SIGINT result idle',
  'process cli SIGTERM retrying busy',
  'process cli timeout stubborn subprocess',
  'process script SIGINT subprocess stubborn',
  'process script SIGKILL busy subprocess',
  'process script exit7 idle busy',
  'process script rejection awaiting idle',
  'process script abort start busy',
  'process root exit0 awaiting busy',
  'process root SIGKILL subprocess stubborn',
  'process middle exit7 idle subprocess',
  'process middle oom idle idle',
  'process middle abort finally busy',
  'process leaf SIGKILL result busy',
  'process leaf overflow retrying stubborn',
  'process leaf rejection busy idle',
  'process leaf exit7 start subprocess',
  'process leaf crash subprocess busy',
  'process script crash idle idle',
  'process middle cut awaiting subprocess',
  'process root cut result busy',
  'docker cli SIGINT busy subprocess',
  'docker cli SIGKILL subprocess stubborn',
  'docker cli SIGKILL start idle',
  'docker script SIGKILL idle busy',
  'docker middle oom idle stubborn',
  'docker leaf exit7 subprocess idle',
  'docker middle removed busy subprocess',
  'docker leaf removed result idle',
  'docker middle cut busy subprocess',
  'docker leaf crash idle stubborn',
  'kubernetes cli SIGINT busy subprocess',
  'kubernetes cli SIGKILL subprocess stubborn',
  'kubernetes script SIGKILL idle busy',
  'kubernetes middle oom idle stubborn',
  'kubernetes leaf exit7 subprocess idle',
  'kubernetes middle removed busy subprocess',
  'kubernetes leaf removed result idle',
  'kubernetes middle cut busy subprocess',
].map(cell)

/** Who is told of a death: the callers above. */
export function callersOf(who: Who): readonly Who[] {
  return { cli: [], script: [], root: [], middle: ['root'], leaf: ['middle', 'root'] }[who] as readonly Who[]
}

export function nameOf({ engine, who, how, during, beside }: Cell): string {
  return `${engine}: ${who} dies of ${how} during ${during}, beside ${beside}`
}
