/**
 * The command line: the only part that prints and sets exit codes. One file a command in `commands/`, one a view in `views/`; what is
 * shown comes from the events of the runs. Nothing below it imports it, and no rule about runs lives here.
 */
import { readFileSync } from 'node:fs'
import { ownPackage } from '../project/package-root.ts'

/** Our own files are read side by side; with fewer Node says that a module is not found. */
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
  // What the usual command needs is read from disk while the definitions of the commands are loaded.
  if (command === 'run') {
    import('./commands/run.ts').catch(() => undefined)
    const mayBeDocker = more.includes('docker') || process.env['COWAIT_ENGINE'] === 'docker'
    if (mayBeDocker) import('../engines/docker/docker-engine.ts').catch(() => undefined)
  }
  const { runCommandLine } = await import('./command-line.ts')
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
