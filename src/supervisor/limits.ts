/**
 * Named limits of run trees. A name's rule is fixed by its first use; places are given in the order in which they were asked for.
 *
 * L1  A place is given back by its holder, or by the end of the holder's worker.
 * L2  A run that waits for a place takes none in the queue: the holder's children may need it.
 * L3  Names may be made of what passes by, users or hosts: beyond many, those are forgotten that were not used for longest. One is in
 *     use while a place of it is held or waited for, or one that was given still counts against its rate.
 */
import type { LimitRule } from '../core/caller.ts'
import { realClock } from '../core/clock.ts'
import type { Down, Up } from '../protocol/messages.ts'

/** A holder has at most so many places, those that it waits for included. */
const maxPlaces = 100_000
/** Names that are not in use and keep their rule all the same. */
const rememberedNames = 10_000

export interface LimitsContext {
  /** A holder began to wait, or does not wait any more. */
  waits(holder: string, isWaiting: boolean): void
  /** Milliseconds that only grow. */
  clock?(): number
  /** How many names that are not in use keep their rule; 10,000 unless told. */
  readonly remembered?: number
  /** Calls back after that many of them. Answers how to stop it. */
  after?(ms: number, then: () => void): () => void
}

/** Who asks: a run or a client, and the client whose run trees share the limits. */
export interface LimitUser {
  readonly holder: string
  readonly client: string
  send(message: Extract<Down, { type: 'granted' | 'refused' }>): void
}

export type LimitMessage = Extract<Up, { type: 'acquire' | 'release' }>

interface Place {
  readonly limit: NamedLimit
  readonly user: LimitUser
  readonly request: number
  isHeld: boolean
}

interface NamedLimit {
  readonly name: string
  /** Those of its client, by name. */
  readonly among: Map<string, NamedLimit>
  readonly rule: LimitRule
  readonly waiting: Set<Place>
  held: number
  /** When the latest places were given, the oldest first; as many as fit into a window. */
  readonly given: number[]
  stopTimer?: (() => void) | undefined
}

export class Limits {
  readonly #context: LimitsContext
  readonly #clock: () => number
  readonly #remembered: number
  readonly #after: (ms: number, then: () => void) => () => void
  /** By client, then by name. */
  readonly #limits = new Map<string, Map<string, NamedLimit>>()
  /** By holder, then by request. */
  readonly #places = new Map<string, Map<number, Place>>()
  /** By holder: how many places it waits for. */
  readonly #waiting = new Map<string, number>()
  /** Nobody holds a place of these or waits for one; the longest unused first. */
  readonly #resting = new Set<NamedLimit>()

  constructor(context: LimitsContext) {
    this.#context = context
    this.#clock = context.clock?.bind(context) ?? (() => performance.now())
    this.#remembered = context.remembered ?? rememberedNames
    this.#after = context.after?.bind(context) ?? realClock.after
  }

  /** How many names are known. */
  get size(): number {
    let size = 0
    for (const limits of this.#limits.values()) size += limits.size
    return size
  }

  receive(user: LimitUser, message: LimitMessage): void {
    if (message.type === 'release') return this.#release(this.#places.get(user.holder)?.get(message.request))
    const { request, name, concurrency, perSecond } = message
    const places = this.#places.get(user.holder) ?? new Map<number, Place>()
    if (places.has(request)) return
    if (places.size >= maxPlaces) return user.send({ type: 'refused', request, code: 'USAGE', message: tooMany(name) })
    const limits = this.#limits.get(user.client) ?? new Map<string, NamedLimit>()
    this.#limits.set(user.client, limits)
    const rule = { ...(concurrency === undefined ? {} : { concurrency }), ...(perSecond === undefined ? {} : { perSecond }) }
    this.#forgetSome()
    const limit = limits.get(name) ?? { name, among: limits, rule, waiting: new Set<Place>(), held: 0, given: [] }
    limits.set(name, limit)
    if (limit.rule.concurrency !== concurrency || limit.rule.perSecond !== perSecond)
      return user.send({ type: 'refused', request, code: 'USAGE', message: anotherRule(name, limit.rule, rule) })
    const place: Place = { limit, user, request, isHeld: false }
    this.#places.set(user.holder, places.set(request, place))
    limit.waiting.add(place)
    this.#resting.delete(limit)
    this.#count(user.holder, 1)
    this.#serve(limit)
    if (!place.isHeld) this.#tellWaits(user.holder)
  }

  /** The end of a holder: of a run's worker, or of a client. */
  end(holder: string): void {
    for (const place of this.#places.get(holder)?.values() ?? []) this.#release(place)
  }

  /** Nothing is left of a client and its run trees, whose limits these were. */
  forget(client: string): void {
    for (const limit of this.#limits.get(client)?.values() ?? []) {
      limit.stopTimer?.()
      this.#resting.delete(limit)
    }
    this.#limits.delete(client)
  }

  #serve(limit: NamedLimit): void {
    limit.stopTimer?.()
    for (const place of limit.waiting) {
      if (limit.held >= (limit.rule.concurrency ?? Infinity)) return
      const pauseMs = this.#pauseMs(limit)
      if (pauseMs > 0) {
        limit.stopTimer = this.#after(pauseMs, () => this.#serve(limit))
        return
      }
      limit.waiting.delete(place)
      limit.held++
      if (limit.rule.perSecond !== undefined) limit.given.push(this.#clock())
      place.isHeld = true
      this.#count(place.user.holder, -1)
      this.#tellWaits(place.user.holder)
      place.user.send({ type: 'granted', run: place.user.holder, request: place.request })
    }
  }

  /** How long until the window of the latest places has room for one more. */
  #pauseMs({ rule: { perSecond }, given }: NamedLimit): number {
    if (perSecond === undefined) return 0
    const size = windowSize(perSecond)
    while (given.length > size) given.shift()
    const oldest = given.length < size ? undefined : given[0]
    return oldest === undefined ? 0 : Math.ceil(oldest + windowMs(perSecond) - this.#clock())
  }

  #release(place: Place | undefined): void {
    if (!place) return
    const { limit, user, request } = place
    const places = this.#places.get(user.holder)
    places?.delete(request)
    if (places?.size === 0) this.#places.delete(user.holder)
    if (place.isHeld) limit.held--
    else if (limit.waiting.delete(place)) this.#count(user.holder, -1)
    this.#tellWaits(user.holder)
    this.#serve(limit)
    this.#rest(limit)
  }

  #rest(limit: NamedLimit): void {
    if (limit.held === 0 && limit.waiting.size === 0) this.#resting.add(limit)
  }

  /** Looks at two for each use, so that there are never many more than are remembered or still count, and no use takes long (L3). */
  #forgetSome(): void {
    if (this.#resting.size <= this.#remembered) return
    const [first, second] = this.#resting
    for (const limit of [first, second]) {
      if (!limit) continue
      this.#resting.delete(limit)
      if (this.#counts(limit)) this.#rest(limit)
      else limit.among.delete(limit.name)
    }
  }

  /** Whether a place that was given still counts against its rate. */
  #counts({ rule: { perSecond }, given }: NamedLimit): boolean {
    const last = given.at(-1)
    return perSecond !== undefined && last !== undefined && last + windowMs(perSecond) > this.#clock()
  }

  #count(holder: string, change: 1 | -1): void {
    const count = (this.#waiting.get(holder) ?? 0) + change
    if (count > 0) this.#waiting.set(holder, count)
    else this.#waiting.delete(holder)
  }

  #tellWaits(holder: string): void {
    this.#context.waits(holder, this.#waiting.has(holder))
  }
}

/** Places that a window has. */
function windowSize(perSecond: number): number {
  return Math.max(1, Math.floor(perSecond))
}

function windowMs(perSecond: number): number {
  return (windowSize(perSecond) / perSecond) * 1_000
}

function tooMany(name: string): string {
  return `limit("${name}") was asked for while ${maxPlaces.toLocaleString('en')} places of this run were held or waited for. Ask for fewer at once.`
}

function anotherRule(name: string, known: LimitRule, wanted: LimitRule): string {
  return `limit("${name}") has the rule ${JSON.stringify(known)} in this run tree, and ${JSON.stringify(wanted)} was asked for. Use one rule for one name.`
}
