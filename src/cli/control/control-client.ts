import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { ProtocolError } from '../../core/errors.ts'
import type { RunEvent } from '../../core/events.ts'
import { Channel } from '../../protocol/channel.ts'
import { PROTOCOL_VERSION, type Both, type CancelReason, type Down, type RunListing, type Up } from '../../protocol/messages.ts'
import { parseDown } from '../../protocol/parse.ts'

const ANSWER_MS = 2_000

/** Another terminal's supervisor, over its control socket: list, follow, cancel. */
export class ControlClient implements AsyncDisposable {
  /** Resolves when the supervisor is gone. */
  readonly closed: Promise<unknown>
  readonly #channel: Channel<Down | Both, Up | Both>
  readonly #answers = new Map<number, (answer: Extract<Down, { type: 'runs' }>) => void>()
  readonly #ready: Promise<void>
  readonly #followers = new Set<(event: RunEvent) => void>()
  #request = 0

  private constructor(channel: Channel<Down | Both, Up | Both>) {
    this.#channel = channel
    this.closed = channel.closed
    this.#ready = new Promise((resolve, reject) => {
      channel.start((message) => {
        if (message.type === 'welcome') {
          channel.send({
            type: 'hello',
            protocol: PROTOCOL_VERSION,
            role: 'client',
            runtime: { name: 'node', version: process.versions.node },
          })
          resolve()
        } else if (message.type === 'runs') this.#answers.get(message.request)?.(message)
        else if (message.type === 'event') this.#tell(message.event)
        else if (message.type === 'refused') channel.fail(new ProtocolError(message.message))
      })
      void channel.closed.then((fault) => reject(fault ?? new Error('it ended')))
    })
    this.#ready.catch(() => undefined)
  }

  /** Throws when nobody answers at the socket, or at the other end of the stream, in time. */
  static async open(socket: string | Duplex, answerMs: number = ANSWER_MS): Promise<ControlClient> {
    const stream = typeof socket === 'string' ? connect(socket) : socket
    const client = new ControlClient(new Channel<Down | Both, Up | Both>(stream, parseDown))
    await within(client.#ready, () => stream.destroy(), answerMs)
    return client
  }

  async list(answerMs: number = ANSWER_MS): Promise<readonly RunListing[]> {
    const request = ++this.#request
    const listed: RunListing[] = []
    let goOn: (() => void) | undefined
    const answer = new Promise<readonly RunListing[]>((resolve, reject) => {
      this.#answers.set(request, ({ runs, more = false }) => {
        for (const run of runs) listed.push(run)
        if (more) goOn?.()
        else resolve(listed)
      })
      void this.closed.then(() => reject(new Error('it ended')))
    })
    this.#channel.send({ type: 'list', request })
    try {
      return await within(
        answer,
        () => void this.#channel.close(),
        answerMs,
        (refresh) => (goOn = refresh),
      )
    } finally {
      this.#answers.delete(request)
    }
  }

  /** Hears of everything that happens to all runs from now on. */
  follow(onEvent: (event: RunEvent) => void): void {
    if (this.#followers.size === 0) this.#channel.send({ type: 'follow' })
    this.#followers.add(onEvent)
  }

  cancel(run: string, reason: CancelReason, kill: boolean): void {
    this.#channel.send({ type: 'cancel', run, child: run, reason, kill })
  }

  #tell(event: RunEvent): void {
    for (const follower of this.#followers) follower(event)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel.close()
  }
}

/** `onTimer` gets how to give the whole time again, to an answer that comes in parts. */
async function within<T>(answer: Promise<T>, giveUp: () => void, ms: number, onTimer?: (refresh: () => void) => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      giveUp()
      reject(new Error(`no answer within ${ms} ms`))
    }, ms)
  })
  onTimer?.(() => timer?.refresh())
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
