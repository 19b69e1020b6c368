import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Argument, Command, Option } from 'commander'
import { UsageError } from '../core/errors.ts'
import { ownPackage } from '../project/package-root.ts'
import type { Io } from './io.ts'

/** Without a code the process has been handed over and ends by itself. */
type SetExitCode = (code: number | undefined) => void

interface Place {
  readonly program: Command
  readonly io: Io
  readonly done: SetExitCode
}

/** What all commands have in common, once their own options stand. */
function completeCommand(command: Command): void {
  const isKnown = command.options.some(({ long }) => long === '--debug')
  if (!isKnown && command.options.length > 0) command.addOption(new Option('--debug', 'show everything, our own stacks too').hideHelp())
  command.showHelpAfterError(`(cowait ${command.name()} --help shows how it is used)`)
}

function checkFolder(cwd: string | undefined, io: Io): void {
  if (cwd !== undefined && !statSync(resolve(io.cwd, cwd), { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`--cwd ${cwd}: there is no such folder`)
}

/** The commands, their options and their help. What a command does is loaded when it is used. */
export function createProgram(io: Io, done: SetExitCode): Command {
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
      outputError: (text, write) => write(text.replace(/^error:/, io.stderr.colours.red('error'))),
    })
    .hook('preAction', (_program, command) => checkFolder(command.opts<{ cwd?: string }>().cwd, io))
    .showHelpAfterError('(cowait --help lists the commands)')
    .addHelpText('after', EXAMPLES)
  const place = { program, io, done }
  addRun(place)
  addExec(place)
  addDev(place)
  addProjectCommands(place)
  addRunCommands(place)
  addCompletion(place)
  for (const command of program.commands) completeCommand(command)
  return program
}

const EXAMPLES = `
Examples:
  cowait run sleep -i duration=7         the task in sleep.ts
  cowait run jobs/math:square -i n=3     one of several tasks in a file
  cowait run resize --help               what a task takes and returns
  cowait run report --json | jq .output  for scripts`

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 usage or invalid input, 3 engine or worker lost, 124 timed out,
129, 130 and 143 cancelled by SIGHUP, by Ctrl-C or otherwise, by SIGTERM.`

function addRun({ program, io, done }: Place): void {
  const command = program
    .command('run')
    .summary('run a task and everything that it calls')
    .description(
      'Runs a task. Its result goes to stdout, everything for people to stderr. What a generator yields goes to stdout as it comes, each item a ' +
        'line of JSON, before what it returns; --json collects the items.',
    )
    .argument('[task]', 'a file, a path from the project root, or file:export')
    .allowExcessArguments()
    .helpOption(false)
    .option('-h, --help', 'print help; with a task: its inputs and what it returns')
  addInputOptions(command)
  addRunOptions(command)
  command.option('--detach', 'leave the run to the cluster: its supervisor is a pod there; cowait attach follows it')
  addOutputOptions(command)
  addProjectOptions(command)
  command.addHelpText('after', EXIT_CODES).action(async (task: string | undefined, flags: object) => {
    if (task === undefined && 'help' in flags) return command.help()
    refuseMore(command)
    const { run } = await import('./commands/run.ts')
    done(await run(task, flags, io))
  })
}

function addExec({ program, io, done }: Place): void {
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

/** What stands behind the task is most often an input. */
function refuseMore(command: Command): void {
  const [task = '', more] = command.args
  if (more === undefined) return
  const hint = /^[\w.-]+:?=/.test(more) ? `; an input is written -i ${more}` : ''
  throw new UsageError(`cowait ${command.name()} ${task} ${more}: one task is expected, not ${JSON.stringify(more)} as well${hint}`)
}

function addDev({ program, io, done }: Place): void {
  const command = program
    .command('dev')
    .summary('run a task again on every change')
    .description(
      'Runs a task, and again when a file that it depends on changes. For a change of code the run in progress is cancelled; ' +
        'other files, which it may write itself, count when it has ended. Takes what run takes.',
    )
    .argument('<task>', 'as for run')
    .allowExcessArguments()
  addInputOptions(command)
  addRunOptions(command)
  addOutputOptions(command)
  addProjectOptions(command)
  command.action(async (task: string, flags: object) => {
    refuseMore(command)
    const { dev } = await import('./commands/dev.ts')
    done(await dev(task, io.args.slice(io.args.indexOf('dev') + 1), flags, io))
  })
}

function addProjectCommands({ program, io, done }: Place): void {
  program
    .command('init')
    .summary('make a small project that works')
    .description('Writes a small project into a folder, the current one unless told. Nothing is overwritten.')
    .argument('[folder]', 'where')
    .addOption(new Option('-t, --template <name>', 'what is in it').choices(['hello', 'fan-out', 'web']))
    .option('-y, --yes', 'ask nothing')
    .addOption(new Option('--package <spec>', 'what cowait depends on in it').hideHelp())
    .action(async (folder: string | undefined, flags: object) => {
      const { init } = await import('./commands/init.ts')
      done(await init(folder, flags, io))
    })
  const reader = (name: string, summary: string, description: string): Command => {
    const command = program.command(name).summary(summary).description(description).option('--json', 'JSON on stdout')
    addProjectOptions(command)
    return command
  }
  reader('list', 'show the tasks of the project', 'Shows the tasks of the project with their inputs and descriptions.').action(
    async (flags: object) => {
      const { list } = await import('./commands/list.ts')
      done(await list(flags, io))
    },
  )
  reader(
    'check',
    'load all tasks and the config, run nothing',
    'Loads the config and every task of the project, and says what is wrong. Runs nothing.',
  ).action(async (flags: object) => {
    const { check } = await import('./commands/check.ts')
    done(await check(flags, io))
  })
  const showConfig = reader(
    'config',
    'show what the config comes to',
    "Shows every setting with where it is from: the project's config lies over the user's own, ~/.config/cowait/config.json, and that over " +
      'the defaults. The values of variables are not shown.',
  )
  showConfig.option('-c, --cluster <name>', 'with this cluster chosen').action(async (flags: object) => {
    const { config } = await import('./commands/config.ts')
    done(await config(flags, io))
  })
  const cluster = program
    .command('cluster')
    .summary('show the clusters of the config')
    .description('Works with the named targets of the config: cowait cluster ls shows them.')
  const ls = cluster.command('ls').description('Shows the clusters with their engines and settings.').option('--json', 'JSON on stdout')
  addProjectOptions(ls)
  ls.action(async (flags: object) => {
    const { listClusters } = await import('./commands/cluster.ts')
    done(await listClusters(flags, io))
  })
  reader(
    'doctor',
    'look for what is missing on this machine',
    'Looks at everything that a run needs, and says how to mend what is missing.',
  ).action(async (flags: object) => {
    const { doctor } = await import('./commands/doctor.ts')
    done(await doctor(flags, io))
  })
}

function addRunCommands({ program, io, done }: Place): void {
  program
    .command('ps')
    .summary('show the runs that are alive')
    .description(
      'Shows the runs of this user that are alive, each below its caller, with what their workers use; and the workers that were kept, or ' +
        'left behind by a supervisor that is gone.',
    )
    .option('--everywhere', 'also ask the cluster of ~/.kube/config, which nothing else names')
    .option('--json', 'JSON on stdout')
    .action(async (flags: object) => {
      const { ps } = await import('./commands/ps.ts')
      done(await ps(flags, io))
    })
  program
    .command('logs')
    .summary('print the log of a run')
    .description(
      'Prints the log lines of a run and of all that it called, from its record in this project. Followed, one whose command line was killed ends with exit code 3.',
    )
    .argument('[run]', 'an id, the beginning of one, or latest', 'latest')
    .option('-f, --follow', 'go on until the run ends')
    .option('--json', 'events as lines of JSON')
    .option('--cwd <folder>', 'work as if started there')
    .action(async (run: string, flags: object) => {
      const { logs } = await import('./commands/logs.ts')
      done(await logs(run, flags, io))
    })
  program
    .command('inspect')
    .summary('print all that is known of a run')
    .description('Prints what is known of a run and of what it called as JSON, from its record in this project.')
    .argument('[run]', 'an id, the beginning of one, or latest', 'latest')
    .option('--cwd <folder>', 'work as if started there')
    .action(async (run: string, flags: object) => {
      const { inspect } = await import('./commands/inspect.ts')
      done(await inspect(run, flags, io))
    })
  const attach = program
    .command('attach')
    .summary('follow a detached run')
    .description(
      'Shows a run that was started with --detach, from its beginning to its end, as run would have: the result goes to stdout, and the exit ' +
        "code is the run's own. Ctrl-C ends this command alone. A run that has ended can be read for an hour, unless told otherwise.",
    )
    .argument('<run>', 'the id of a root run, the beginning of one, or latest')
  addViewOptions(attach)
  attach.option('--debug', 'show everything, our own stacks too').action(async (run: string, flags: object) => {
    const { attach: follow } = await import('./commands/attach.ts')
    done(await follow(run, flags, io))
  })
  program
    .command('kill')
    .summary('cancel runs')
    .description('Cancels runs with all that they called, and waits until they are gone.')
    .argument('<run...>', 'an id, the beginning of one, or latest')
    .option('--now', 'without grace')
    .option('--json', 'the ids as JSON on stdout')
    .action(async (runs: readonly string[], flags: object) => {
      const { kill } = await import('./commands/kill.ts')
      done(await kill(runs, flags, io))
    })
  program
    .command('rm')
    .summary('remove what is left of runs')
    .description(
      'Removes workers that --keep-failed kept, those whose supervisor is gone, and detached runs that have ended. What is alive goes only with --force.',
    )
    .argument('<run...>', 'an id, or the beginning of one')
    .option('--force', 'kill what is alive, and do not ask whose it is')
    .option('--json', 'the ids as JSON on stdout')
    .action(async (runs: readonly string[], flags: object) => {
      const { rm } = await import('./commands/rm.ts')
      done(await rm(runs, flags, io))
    })
  program
    .command('shell')
    .summary('open a shell beside a worker')
    .description(
      'Opens a shell in the container or pod of a run that is alive or was kept by --keep-failed. On the process engine: a shell of this host in ' +
        "the worker's working directory, with its environment. With a command, runs that instead; its exit code is the answer.",
    )
    .argument('<run>', 'an id, the beginning of one, or latest')
    .argument('[command...]', 'what to run instead of a shell')
    .passThroughOptions()
    .action(async (run: string, command: readonly string[]) => {
      const { shell } = await import('./commands/shell.ts')
      done(await shell(run, command, io))
    })
  program
    .command('report')
    .summary('make a page of a run')
    .description(
      'Makes one HTML page of a run from its record: the tree, when each run waited, started and ran, the log, inputs, outputs and errors.',
    )
    .argument('[run]', 'the id of a root run, the beginning of one, latest, or a record file', 'latest')
    .option('-o, --output <file>', 'where to write it; - is stdout')
    .option('--cwd <folder>', 'work as if started there')
    .action(async (run: string, flags: object) => {
      const { report } = await import('./commands/report.ts')
      done(await report(run, flags, io))
    })
  program
    .command('prune')
    .summary('remove what was left behind')
    .description(
      'Removes workers whose supervisor is gone, on every engine that answers. Never touches what belongs to a living one. ' +
        'So do the volumes that code was sent in and that no container uses. ' +
        'Exit code 3: an engine that is configured could not be asked, or one did not answer in time.',
    )
    .option('--kept', 'also what --keep-failed kept')
    .option('--no-cache', 'leave the volumes that code was sent in, for engines that do not see this host')
    .option('--wait <time>', 'how long an engine may take to answer (5s)')
    .option('--json', 'JSON on stdout')
    .action(async (flags: object) => {
      const { prune } = await import('./commands/prune.ts')
      done(await prune(flags, io))
    })
}

function addCompletion({ program, io, done }: Place): void {
  program
    .command('completion')
    .summary('print the completion script of a shell')
    .description(
      'Prints what makes a shell complete commands, options, tasks and runs, for its start-up file. bash and zsh: ' +
        'eval "$(cowait completion bash)"; fish: cowait completion fish | source',
    )
    .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completionScripts } = await import('./completion-script.ts')
      io.stdout.write(completionScripts[shell])
      done(0)
    })
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: readonly string[]) => {
      const { printCandidates } = await import('./commands/complete.ts')
      done(await printCandidates(program, words, io))
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
    .option('--timeout <time>', 'end the run after this long, loading, starting and all attempts included: 500ms, 30s, 5m')
    .option('--grace <time>', 'time from cancelling to killing (5s)')
    .option('--retry <times>', 'try a failed run again this many times')
    .option('--keep-failed', 'keep the container or pod of a run that failed: cowait shell looks inside, cowait rm removes it')
    .option('--concurrency <n>', 'workers at once (by cores and memory)')
}

function addOutputOptions(command: Command): void {
  addViewOptions(command)
  command.option('--no-record', 'write no record under .cowait/runs')
}

function addViewOptions(command: Command): void {
  command
    .option('--json', 'one JSON object on stdout: id, status, output or error, timings, children')
    .option('--ndjson', 'every event as a line of JSON on stdout')
    .option('-q, --quiet', 'the result and failures only')
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
