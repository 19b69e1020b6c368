import { Command, Option } from 'commander'
import type { Io } from './io.ts'
import { ownPackage } from '../project/package-root.ts'

/** Without a code the process has been handed over and ends by itself. */
type SetExitCode = (code: number | undefined) => void

/** The commands, their options and their help. What a command does is loaded when it is used. */
export function createProgram(io: Io, setExitCode: SetExitCode): Command {
  const program = new Command('cowait')
  program
    .description('Ordinary async functions. Every call of another task runs in a worker of its own.')
    .version(ownPackage().version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHasColors: () => io.stdout.hasColours,
      getErrHasColors: () => io.stderr.hasColours,
      getOutHelpWidth: () => Math.min(io.stdout.columns, 110),
    })
    .showHelpAfterError('(cowait --help lists the commands)')
    .addHelpText('after', EXAMPLES)
  addRun(program, io, setExitCode)
  addExec(program, io, setExitCode)
  return program
}

const EXAMPLES = `
Examples:
  cowait run sleep -i duration=7         the task in sleep.ts
  cowait run jobs/math:square -i n=3     one of several tasks in a file
  cowait run resize --help               what a task takes and returns
  cowait run report --json | jq .output  for scripts`

function addRun(program: Command, io: Io, done: SetExitCode): void {
  const command = program
    .command('run')
    .summary('run a task and everything that it calls')
    .description('Runs a task. Its result goes to stdout, everything for people to stderr.')
    .argument('[task]', 'a file, a path from the project root, or file:export')
    .helpOption(false)
    .option('-h, --help', 'print help; with a task: its inputs and what it returns')
  addInputOptions(command)
  addRunOptions(command)
  addOutputOptions(command)
  addProjectOptions(command)
  command
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 usage or invalid input, 3 engine or worker lost, 124 timed out,\n129, 130 and 143 cancelled by SIGHUP, by Ctrl-C or otherwise, by SIGTERM.',
    )
    .action(async (task: string | undefined, flags: Record<string, unknown>) => {
      if (task === undefined && flags['help']) return command.help()
      const { run } = await import('./commands/run.ts')
      done(await run(task, flags, io))
    })
}

function addExec(program: Command, io: Io, done: SetExitCode): void {
  program
    .command('exec')
    .summary('run a script that calls tasks')
    .description('Runs a TypeScript or JavaScript file with Node, compiled as tasks are. The tasks that it calls are runs of their own.')
    .argument('<script>', 'the file')
    .argument('[args...]', "the script's own arguments")
    .passThroughOptions()
    .action(async (script: string, args: readonly string[]) => {
      const { exec } = await import('./commands/exec.ts')
      await exec(script, args, io)
      done(undefined)
    })
}

function addInputOptions(command: Command): void {
  command
    .option('-i, --input <key=value>', 'an input: key=value, a.b=value, key:=json, key=@file; again for a list', collect, [])
    .option('-f, --file <path>', 'inputs from a JSON or YAML file; - reads stdin')
}

function addRunOptions(command: Command): void {
  command
    .option('--engine <name>', 'where workers live: process, docker, kubernetes')
    .option('-c, --cluster <name>', 'an engine configuration of the config file')
    .option('--image <image>', 'the image of containers')
    .option('-e, --env <name[=value]>', 'a variable for the run and what it calls; without a value, the one set here', collect, [])
    .option('--env-file <path>', 'variables from a file', collect, [])
    .option('--cpu <cores>', 'cores: 2, 0.5, 500m')
    .option('--memory <size>', 'memory: 512m, 2g')
    .option('-v, --volume <source:path[:ro]>', 'a folder or a named volume inside the worker', collect, [])
    .option('-p, --port <[host:]port>', "a port of the worker on the engine's host", collect, [])
    .option('--timeout <time>', 'end the run after this long: 500ms, 30s, 5m')
    .option('--grace <time>', 'time from cancelling to killing (5s)')
    .option('--retry <times>', 'try a failed run again this many times')
    .option('--concurrency <n>', 'workers at once (by cores and memory)')
}

function addOutputOptions(command: Command): void {
  command
    .option('--json', 'one JSON object on stdout: id, status, output or error, timings, children')
    .option('--ndjson', 'every event as a line of JSON on stdout')
    .option('-q, --quiet', 'the result and failures only')
    .option('--no-record', 'write no record under .cowait/runs')
    .addOption(new Option('--progress <style>', 'how to show what happens').choices(['auto', 'tree', 'plain']).default('auto'))
}

function addProjectOptions(command: Command): void {
  command
    .option('--cwd <folder>', 'work as if started there')
    .option('--config <file>', 'the config file')
    .option('--debug', 'show everything, our own stacks too')
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value]
}
