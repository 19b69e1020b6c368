import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { accessSync, closeSync, constants, existsSync } from 'node:fs'
import { Socket } from 'node:net'
import { isAbsolute } from 'node:path'
import { EngineError } from '../../core/errors.ts'
import type { Pipe } from './pipes.ts'

interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** For stdout and stderr; closed here, whatever happens. Without one they share a socket. */
  readonly pipe: Pipe | undefined
}

/** A process that runs as the leader of a session and process group of its own. */
export interface Launched {
  readonly child: ChildProcess
  readonly pid: number
  readonly output: Socket
  /** Its descriptor 3. */
  readonly up: Socket
  /** Its descriptor 4. */
  readonly down: Socket
}

/** Starts a process with /dev/null as its stdin, one pipe as its stdout and stderr, and the channel on descriptors 3 and 4. */
export async function launch({ file, args, cwd, env, pipe }: Command, signal: AbortSignal): Promise<Launched> {
  let output: Socket | undefined
  try {
    signal.throwIfAborted()
    if (!pipe) return await launchWithSockets(file, args, { cwd, env })
    output = new Socket({ fd: pipe.read, readable: true, writable: false })
    const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', pipe.write, pipe.write, 'pipe', 'pipe'] })
    const pid = await started(child)
    return { child, pid, output, ...channelOf(child) }
  } catch (error) {
    if (output) output.destroy()
    else if (pipe) closeSync(pipe.read)
    throw error
  } finally {
    if (pipe) closeSync(pipe.write)
  }
}

/** Node cannot give one socket to two descriptors: a shell joins stderr to stdout and becomes the program. */
async function launchWithSockets(file: string, args: readonly string[], options: Pick<Command, 'cwd' | 'env'>): Promise<Launched> {
  // The shell would start and then fail.
  if (isAbsolute(file)) accessSync(file, constants.X_OK)
  const stdio: StdioOptions = ['ignore', 'pipe', 'ignore', 'pipe', 'pipe']
  const child = spawn('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', file, ...args], { ...options, detached: true, stdio })
  const pid = await started(child)
  return { child, pid, output: child.stdout as Socket, ...channelOf(child) }
}

function channelOf(child: ChildProcess): Pick<Launched, 'up' | 'down'> {
  return { up: child.stdio[3] as Socket, down: child.stdio[4] as Socket }
}

/** Answers the process id, or rejects with the system's error and leaves no descriptor open. */
export function started(child: ChildProcess): Promise<number> {
  const { pid } = child
  if (pid !== undefined) {
    child.on('error', () => {})
    return Promise.resolve(pid)
  }
  return new Promise((_settle, reject) => {
    child.once('error', (error) => {
      // Missing when the limit of open files is reached.
      for (const stream of (child.stdio as typeof child.stdio | undefined) ?? []) stream?.destroy()
      reject(error)
    })
  })
}

/** The system's refusal in words for people: what failed, and what to do. */
export function launchError(what: string, error: unknown, { file, cwd }: { readonly file: string; readonly cwd: string }): EngineError {
  const { code, message } = error as NodeJS.ErrnoException
  const isCwd = (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') && !existsSync(cwd)
  const reason = isCwd ? `its working directory ${cwd} does not exist` : (REASONS[code ?? ''] ?? message)
  const hint = isCwd
    ? 'Create the folder, or run from another one.'
    : code === 'ENOENT' || code === 'EACCES'
      ? `Check that ${file} is there and may be run.`
      : HINTS[code ?? '']
  return new EngineError(`${what} could not be started: ${reason}${reason.includes(code ?? message) ? '' : ` (${code})`}.`, {
    cause: error,
    hint,
  })
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its program was not found',
  EACCES: 'its program may not be run',
  EMFILE: "this process's limit of open files is reached",
  ENFILE: "the host's limit of open files is reached",
  EAGAIN: 'the limit of processes is reached',
  ENOMEM: 'the host has no memory left',
}

const FEWER = 'run fewer tasks at once (--concurrency)'

const HINTS: Readonly<Record<string, string>> = {
  EMFILE: `Raise the limit (ulimit -n), or ${FEWER}.`,
  ENFILE: `Raise the limit (fs.file-max), or ${FEWER}.`,
  EAGAIN: `Raise the limit (ulimit -u, or the pids limit of the container), or ${FEWER}.`,
  ENOMEM: `Free memory, or ${FEWER}.`,
}
