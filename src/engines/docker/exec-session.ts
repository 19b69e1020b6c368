/** A program beside a worker, in its container. `close` finds it by its mark, from inside. */
import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { ExecOptions, ExecSession, Exit, TerminalSize } from '../../core/engine.ts'
import { endMarked, execMark } from '../exec-mark.ts'
import { ApiError } from './api-error.ts'
import type { ApiExec } from './api-types.ts'
import { AttachedStreams } from './attached-streams.ts'
import type { DockerClient } from './docker-client.ts'

/** How long after the end of its streams the engine may take to say how the program ended. */
const exitPatienceMs = 5000

/** A terminal can be sized once the program runs, a moment after the engine said so. */
const resizeTries = 10

/** Starts a program in a container that runs. */
export async function startExec(
  client: DockerClient,
  containerId: string,
  { command, terminal, env = {}, signal }: ExecOptions & { readonly signal: AbortSignal },
): Promise<ExecSession> {
  const tty = terminal !== undefined
  const mark = randomUUID()
  const variables = { ...env, [execMark]: mark }
  const { Id } = await client.call<{ Id: string }>('POST', `/containers/${containerId}/exec`, {
    signal,
    body: {
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: tty,
      Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      Cmd: command,
    },
  })
  signal.throwIfAborted()
  const { socket, head } = await client.upgrade(`/exec/${Id}/start`, { body: { Detach: false, Tty: tty } })
  const session = new DockerExec({
    client,
    containerId,
    execId: Id,
    mark,
    tty,
    ...(tty ? rawStreams(socket, head) : streams(socket, head)),
  })
  try {
    if (terminal !== undefined) await session.resize(terminal)
    signal.throwIfAborted()
    return session
  } catch (error) {
    await session.close()
    throw error
  }
}

interface Streams {
  readonly channel: Duplex
  readonly errors: AsyncIterable<Uint8Array>
  readonly ended: Promise<unknown>
  destroy(): void
}

interface Parts extends Streams {
  readonly client: DockerClient
  readonly containerId: string
  readonly execId: string
  readonly mark: string
  readonly tty: boolean
}

function streams(socket: Duplex, head: Buffer): Streams {
  const attached = new AttachedStreams(socket, head)
  return { channel: attached.channel, errors: attached.output, ended: attached.ended, destroy: () => attached.destroy() }
}

/** A terminal's bytes come as they are. */
function rawStreams(socket: Duplex, head: Buffer): Streams {
  if (head.length > 0) socket.unshift(head)
  const ended = new Promise<void>((resolve) => {
    socket.on('end', resolve)
    socket.on('close', resolve)
  })
  socket.on('error', () => socket.destroy())
  return { channel: socket, errors: nothing(), ended, destroy: () => void socket.destroy() }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

class DockerExec implements ExecSession {
  readonly channel: Duplex
  readonly errors: AsyncIterable<Uint8Array>
  readonly exited: Promise<Exit>
  readonly #parts: Parts
  #hasExited = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.channel = parts.channel
    this.errors = parts.errors
    this.exited = parts.ended.then(() => this.#findExit())
  }

  async resize({ columns, rows }: TerminalSize): Promise<void> {
    const { client, execId, tty } = this.#parts
    for (let tries = 1; tty && !this.#hasExited; tries++) {
      try {
        await client.call('POST', `/exec/${execId}/resize`, { query: { h: rows, w: columns } })
        return
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        // It does not run yet, or no longer: then there is nothing to size.
        if (tries === resizeTries) return
        await pause(10 * tries)
      }
    }
  }

  async close(): Promise<void> {
    try {
      if (!this.#hasExited) await this.#end()
    } catch (error) {
      // The container is gone, and the program with it.
      if (!(error instanceof ApiError)) throw error
    } finally {
      this.#parts.destroy()
    }
    await this.exited
  }

  async #end(): Promise<void> {
    const { client, containerId, mark, execId } = this.#parts
    const { Running } = await client.call<ApiExec>('GET', `/exec/${execId}/json`)
    if (!Running) return
    const Cmd = ['node', '-e', endMarked, mark]
    const { Id } = await client.call<{ Id: string }>('POST', `/containers/${containerId}/exec`, { body: { Cmd } })
    await client.call('POST', `/exec/${Id}/start`, { body: { Detach: false } })
  }

  async #findExit(): Promise<Exit> {
    const exit = await this.#askExit()
    this.#hasExited = true
    return exit
  }

  async #askExit(): Promise<Exit> {
    const { client, execId } = this.#parts
    for (const from = performance.now(); performance.now() - from < exitPatienceMs; await pause(20)) {
      try {
        const { Running, ExitCode } = await client.call<ApiExec>('GET', `/exec/${execId}/json`, { signal: AbortSignal.timeout(2000) })
        if (!Running && ExitCode !== null) return { how: 'exited', code: ExitCode }
      } catch (error) {
        if (error instanceof ApiError) return { how: 'lost', detail: 'its container is gone' }
      }
    }
    return { how: 'lost', detail: 'the connection to it broke' }
  }
}
