import { CommanderError, type Command } from 'commander'
import { errorText, exitCodeOfThrown } from './error-text.ts'
import { exitCodeOfSignal } from './exit-code.ts'
import type { Io } from './io.ts'
import { processIo } from './process-io.ts'
import { createProgram } from './program.ts'

/** What somebody who asked us to stop waits for a reader that does not read. */
const PATIENCE_MS = 2_000

/** Runs one command and ends the process with its exit code, once the readers have taken what was written. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  const io = processIo(args)
  io.stdout.onClosed = () => io.stop.request('SIGINT')
  io.stderr.onClosed = () => io.stop.request('SIGINT')
  // Until a command listens itself, there is nothing to clear up that would not go with this process.
  io.stop.listen((signal) => process.exit(exitCodeOfSignal(signal)))
  const exitCode = await runCommand(args, io)
  if (exitCode === undefined) return
  // A reader that never reads may hold us, until somebody asks us to stop.
  const patience = new Promise<void>((resolve) => {
    let isNow = false
    io.stop.listen((signal, nth) => {
      if (isNow && nth > 1) process.exit(exitCodeOfSignal(signal))
      setTimeout(resolve, PATIENCE_MS)
    })
    isNow = true
  })
  await Promise.race([Promise.all([io.stdout.flush(), io.stderr.flush()]), patience])
  process.exit(exitCode)
}

async function runCommand(args: readonly string[], io: Io): Promise<number | undefined> {
  let exitCode: number | undefined = 0
  const program = createProgram(io, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync(isHelpForNone(args, program) ? args.slice(1) : args, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    io.stderr.write(errorText(error, io))
    return exitCodeOfThrown(error)
  }
}

/** `cowait help runn` is answered as `cowait runn` is: with the command that may have been meant. */
function isHelpForNone([first, name]: readonly string[], program: Command): boolean {
  return first === 'help' && name !== undefined && !name.startsWith('-') && !program.commands.some((command) => command.name() === name)
}
