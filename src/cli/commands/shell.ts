import { UsageError } from '../../core/errors.ts'
import type { ExecSession } from '../../core/engine.ts'
import { findLiving, findLivingRun } from '../control/living-runs.ts'
import { withEngine } from '../control/engine-targets.ts'
import { NothingFound, searching, type Search } from '../control/search.ts'
import { findWorkers, silentText, workersNamed, type KnownWorker } from '../control/workers.ts'
import { exitCodeOfSignal, exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { processShell } from '../process-shell.ts'

/** Whatever shell the image has. */
const ANY_SHELL = ['/bin/sh', '-c', 'if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi']

/** Opens a shell beside a worker that runs or was kept, or runs the given program there. Answers the program's own exit code. */
export async function shell(wanted: string, command: readonly string[], io: Io): Promise<number> {
  const worker = await searching(async (search) => await findWorker(wanted, io, search))
  if (worker.target.name === 'process') return await processShell(worker, command, io)
  return await withEngine(worker.target, async (engine) => {
    if (!engine.exec || !engine.capabilities.exec)
      throw new UsageError(`cowait shell: engine ${engine.name} cannot open a shell in a worker.`)
    const { stdin, stdout, env } = io
    const isTerminal = stdin.isTTY && stdout.isTerminal
    const session = await engine.exec(
      worker.id,
      {
        command: command.length > 0 ? command : ANY_SHELL,
        ...(isTerminal && { terminal: { columns: stdout.columns, rows: stdout.rows }, env: { TERM: env['TERM'] ?? 'xterm' } }),
      },
      AbortSignal.timeout(30_000),
    )
    return await attach(session, isTerminal, io)
  })
}

async function findWorker(wanted: string, io: Io, search: Search): Promise<KnownWorker> {
  await using living = await findLiving()
  const run = wanted === 'latest' && living.runs.length === 0 ? undefined : findLivingRun(wanted, living.runs)
  const { workers, silent } = await findWorkers(io, search)
  const kept = workers.filter((worker) => worker.kept).toSorted((a, b) => b.createdAt - a.createdAt)
  const found = wanted === 'latest' && !run ? kept.slice(0, 1) : workersNamed(run?.id ?? wanted, workers)
  const [worker] = found.toSorted((a, b) => b.createdAt - a.createdAt)
  if (worker) return worker
  if (run && silent.length === 0) throw new NothingFound(`${run.id} is ${run.status} and has no worker yet.`)
  throw new NothingFound(
    `No worker of a run called ${wanted} is there; cowait ps shows what is. A run with --keep-failed keeps its failed one.${silentText(silent)}`,
  )
}

/** Joins our streams with the program's until it ends. What asks us to stop ends the program. */
async function attach(session: ExecSession, isTerminal: boolean, io: Io): Promise<number> {
  const { stdin, stdout, stderr, stop } = io
  stop.listen((signal) => void session.close().then(() => process.exit(exitCodeOfSignal(signal))))
  if (isTerminal) {
    stdin.setRawMode(true)
    stdout.onResize(() => void session.resize({ columns: stdout.columns, rows: stdout.rows }).catch(() => undefined))
  }
  stdin.pipe(session.channel)
  try {
    const printed = readInto(session.channel, (text) => stdout.write(text))
    const complained = readInto(session.errors, (text) => stderr.write(text))
    const exit = await session.exited
    await Promise.all([printed, complained])
    if (exit.how === 'lost') stderr.write(`cowait shell: the connection was lost${exit.detail ? ` (${exit.detail})` : ''}\n`)
    return exit.how === 'exited' ? (exit.code ?? 0) : exitCodes.lost
  } finally {
    if (isTerminal) stdin.setRawMode(false)
    stdin.unpipe(session.channel)
    stdin.pause()
    await session.close()
  }
}

async function readInto(source: AsyncIterable<Uint8Array>, write: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  try {
    for await (const bytes of source) write(decoder.decode(bytes, { stream: true }))
  } catch {
    // How the program ended says what happened.
  }
}
