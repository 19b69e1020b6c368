import { checkSignal } from './check-signal.ts'
import { createRunId } from './ids.ts'
import type { TaskOptions } from './options.ts'
import { resolveOptions } from './resolve-options.ts'
import { rootScope } from './root.ts'
import { currentScope, runInScope, type Scope } from './scope.ts'
import { checkedFor } from './caller-line.ts'

export interface SessionOptions {
  /** For the id. */
  name?: string | undefined
  /** The engine of calls whose task names none. */
  engine?: string | undefined
  /** The image of calls whose task names none. */
  image?: string | undefined
  /** Cancels the session when it aborts. */
  signal?: AbortSignal | undefined
}

/** The owner of calls that are made outside of tasks. */
export interface Session extends AsyncDisposable {
  readonly id: string
  /** Aborts when the session is cancelled. */
  readonly signal: AbortSignal
  /** Runs a function whose calls belong to the session, also those that it makes later: a server that it starts. */
  run<T>(body: () => T): T
  /** Cancels what is unfinished. Calls that come later are refused. */
  cancel(reason?: unknown): void
}

/**
 * Makes the owner of a script's or server's calls explicit. Disposing it cancels what is unfinished, waits until that is gone, and throws
 * the first failure that nobody looked at.
 *
 * @example
 * await using jobs = session({ name: 'web' })
 * jobs.run(() => createServer(async (request, response) => response.end(await render({ url: request.url }))).listen(8080))
 */
export function session({ name, engine, image, signal }: SessionOptions = {}): Session {
  const defaults: TaskOptions = { engine, image }
  checkedFor(session, () => {
    checkSignal(signal, 'session()')
    resolveOptions(defaults, 'session()')
  })
  const scope = (currentScope() ?? rootScope()).open({ defaults })
  return new OpenSession(createRunId(name ?? 'session'), scope, signal)
}

class OpenSession implements Session {
  readonly id: string
  readonly #scope: Scope
  readonly #stopFollowing: (() => void) | undefined

  constructor(id: string, scope: Scope, signal: AbortSignal | undefined) {
    this.id = id
    this.#scope = scope
    this.#stopFollowing = signal && scope.follow(signal)
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  run<T>(body: () => T): T {
    return runInScope(this.#scope, body)
  }

  cancel(reason?: unknown): void {
    this.#scope.cancel(reason ?? `session ${this.id} was cancelled`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopFollowing?.()
    const unseen = await this.#scope.close('cancel')
    if (unseen) throw unseen
  }
}
