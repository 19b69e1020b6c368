/**
 * The command line: the only part that prints and sets exit codes. One file a command in `commands/`, one a view in `views/`; what is
 * shown comes from the events of the runs. Nothing below it imports it, and no rule about runs lives here.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { ownPackage } from '../project/package-root.ts'

/** The file beside this one that has everything else in it; its name changes with its content. */
declare const COMMAND_LINE: string

/** For our own pipes and files and one worker; with fewer, Node fails in ways that name no limit. */
const LEAST_FILES = 64

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const [command, ...more] = process.argv.slice(2)

if (major < 20 || (major === 20 && minor < 19) || major === 21 || (major === 22 && minor < 12)) {
  process.stderr.write(`cowait needs Node ^20.19.0 || >=22.12.0, and this is ${process.versions.node}\n`)
  process.exitCode = 2
} else if (more.length === 0 && (command === '--version' || command === '-V')) {
  process.stdout.write(`${ownPackage().version}\n`)
} else if (openFilesLimit() < LEAST_FILES) {
  process.stderr.write(
    `cowait needs ${LEAST_FILES} open files at least, and the limit here is ${openFilesLimit()}. Raise it: ulimit -n 1024\n`,
  )
  process.exitCode = 2
} else {
  const { runCommandLine } = createRequire(import.meta.url)(`./${COMMAND_LINE}`) as typeof import('./command-line.ts')
  await runCommandLine(process.argv.slice(2))
}

/** Where the system tells it in a file. */
function openFilesLimit(): number {
  try {
    return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity)
  } catch {
    return Infinity
  }
}
