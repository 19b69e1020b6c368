/**
 * A program beside a worker, in its pod. `close` finds it by its mark, from inside.
 *
 * The cluster's exec knows no variables, no working directory and, before v5, no end of input: a shell in front of the program brings
 * the first two, and where it has to be, a few lines of Node the third.
 */
import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { ExecOptions, ExecSession, Exit, TerminalSize } from '../../core/engine.ts'
import { endMarked, execMark } from '../exec-mark.ts'
import { withTimeLimit } from '../time-limit.ts'
import type { ApiClient } from './api-client.ts'
import { ApiError } from './api-error.ts'
import { ExecStream, type ExecStreamOptions } from './exec-stream.ts'
import { podCode } from './pod-folders.ts'
import { runInPod } from './run-in-pod.ts'

/** How long ending a program from inside may take. */
const endingMs = 10_000

/** `VARIABLES COUNT, each NAME=VALUE, the program`. */
const launch = `cd ${podCode} 2>/dev/null
n=$1; shift; while [ "$n" -gt 0 ]; do export "$1"; shift; n=$((n-1)); done; exec "$@"`

/** Input comes as lines of base64, of which an empty one is the end. */
const lineInput = `const [file, ...args] = process.argv.slice(1)
const child = require('node:child_process').spawn(file, args, { stdio: ['pipe', 'inherit', 'inherit'] })
child.stdin.on('error', () => {})
require('node:readline').createInterface({ input: process.stdin })
  .on('line', line => line === '' ? child.stdin.end() : child.stdin.write(Buffer.from(line, 'base64')))
child.on('error', ({ message }) => { console.error(message); process.exit(127) })
child.on('exit', (code, signal) => process.exit(code ?? 128 + require('node:os').constants.signals[signal]))`

/** Without a second Node, whose memory would count as the worker's, where it can be. */
const endLine = `m=${execMark}=$1; command -v grep >/dev/null 2>&1 || exec node -e "$2" "$1"
grep -qszF PATH= /proc/self/environ 2>/dev/null && z=z || z=
for f in $(grep "-lsF$z" "$m" /proc/[0-9]*/environ); do f=\${f#/proc/}; kill -9 "\${f%/environ}"; done 2>/dev/null; :`

/** Starts a program in a pod that runs; `pod` is its path in the API. */
export async function startExec(
  client: ApiClient,
  pod: string,
  { command, terminal, env = {}, signal }: ExecOptions & { readonly signal: AbortSignal },
): Promise<ExecSession> {
  const mark = randomUUID()
  const variables = Object.entries({ ...env, [execMark]: mark }).map(([name, value]) => `${name}=${value}`)
  const hasTerminal = terminal !== undefined
  const start = async (protocol: ExecStreamOptions['protocol']): Promise<KubernetesExec> => {
    const input = protocol === 'v4' && !hasTerminal ? 'lines' : 'bytes'
    const words = input === 'lines' ? ['node', '-e', lineInput, ...command] : command
    const line = ['sh', '-c', launch, 'sh', String(variables.length), ...variables, ...words]
    const stream = await ExecStream.open(client, pod, { command: line, protocol, input, hasTerminal })
    return new KubernetesExec({ client, pod, mark, stream, hasTerminal })
  }
  signal.throwIfAborted()
  const session = await start('v5').catch((error: unknown) => {
    signal.throwIfAborted()
    if (isUnknownProtocol(error)) return start('v4')
    throw error
  })
  if (signal.aborted) {
    await session.close()
    throw signal.reason as Error
  }
  if (terminal) await session.resize(terminal)
  return session
}

/** Refused, but not in the API's own words. */
function isUnknownProtocol(error: unknown): boolean {
  if (error instanceof ApiError) return error.reason === '' && (error.status === 400 || error.status === 403)
  return /subprotocol/.test((error as Error).message)
}

interface Parts {
  readonly client: ApiClient
  readonly pod: string
  readonly mark: string
  readonly stream: ExecStream
  readonly hasTerminal: boolean
}

class KubernetesExec implements ExecSession {
  readonly channel: Duplex
  readonly errors: AsyncIterable<Uint8Array>
  readonly exited: Promise<Exit>
  readonly #parts: Parts
  #hasExited = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.channel = parts.stream.channel
    this.errors = parts.stream.errors
    this.exited = parts.stream.ended.then((exit) => {
      this.#hasExited = true
      return exit
    })
  }

  async resize(size: TerminalSize): Promise<void> {
    if (this.#parts.hasTerminal && !this.#hasExited) this.#parts.stream.resize(size)
  }

  async close(): Promise<void> {
    try {
      if (!this.#hasExited) await this.#end()
    } catch {
      // Its pod is gone, and the program with it.
    } finally {
      this.#parts.stream.destroy()
    }
    await this.exited
  }

  async #end(): Promise<void> {
    const { client, pod, mark, stream } = this.#parts
    const late = new Error('The program does not end.')
    await withTimeLimit({ ms: endingMs, late }, async (signal) => {
      await runInPod(client, pod, { command: ['sh', '-c', endLine, 'sh', mark, endMarked], signal })
      // Said by the program's own stream a moment later.
      signal.addEventListener('abort', () => stream.destroy())
      await stream.ended
    })
  }
}
