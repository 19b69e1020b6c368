import { accessSync, constants, existsSync, rmSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { openEngine } from '../../client/open-engine.ts'
import { createPrivateDirectory, runtimeRoot } from '../../client/runtime-directory.ts'
import { EngineError } from '../../core/errors.ts'
import { mayHaveCluster } from '../../engines/kubernetes/may-have-cluster.ts'
import { chooseTarget } from '../../project/choose-target.ts'
import { compileProject } from '../../project/compile-project.ts'
import { problemText } from '../../project/problem.ts'
import { findLiving } from '../control/living-runs.ts'
import { inTime } from '../control/in-time.ts'
import { exitCodes } from '../exit-code.ts'
import { count } from '../format.ts'
import type { Io } from '../io.ts'
import { openProject } from '../open-project.ts'
import type { Project } from '../../project/project.ts'

/** One line of the doctor's answer: ok, a remark, or what is wrong and how it is mended. */
interface Finding {
  readonly about: string
  readonly state: 'ok' | 'note' | 'problem'
  readonly text: string
}

interface DoctorFlags {
  readonly json?: boolean
  readonly cwd?: string
  readonly config?: string
}

/** Looks at everything that a run needs, and says how to mend what is missing. Answers 1 when there is a problem. */
export async function doctor(flags: DoctorFlags, io: Io): Promise<number> {
  const findings: Finding[] = [node(), platform(io.env), runtimeFolder()]
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const { found, project } = await configOf(cwd, flags)
  findings.push(found)
  if (project) findings.push(await code(project))
  findings.push(await docker(project), await kubernetes(project, io.env), await leftovers())
  const { stdout } = io
  if (flags.json) stdout.write(`${JSON.stringify(findings, null, stdout.isTerminal ? 2 : undefined)}\n`)
  else for (const finding of findings) stdout.write(lineOf(finding, io))
  return findings.some(({ state }) => state === 'problem') ? exitCodes.failed : exitCodes.done
}

function lineOf({ about, state, text }: Finding, { stdout: { colours } }: Io): string {
  const mark = { ok: colours.green('ok      '), note: colours.yellow('note    '), problem: colours.red('problem ') }[state]
  return `${mark} ${about.padEnd(10)} ${text.replaceAll('\n', `\n${' '.repeat(20)}`)}\n`
}

function node(): Finding {
  return { about: 'node', state: 'ok', text: `${process.versions.node} on ${process.platform} ${process.arch}` }
}

function platform(env: NodeJS.ProcessEnv): Finding {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    return { about: 'processes', state: 'problem', text: `${process.platform} is not supported. On Windows use WSL.` }
  }
  const missing = ['sh', 'mkfifo', 'cat', 'sleep', 'rm'].filter((program) => !isOnPath(program, env['PATH'] ?? ''))
  if (missing.length === 0) return { about: 'processes', state: 'ok', text: 'workers can run as processes' }
  return {
    about: 'processes',
    state: 'problem',
    text: `not on the PATH: ${missing.join(', ')}. Install the system's basic programs (coreutils).`,
  }
}

function isOnPath(program: string, path: string): boolean {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function runtimeFolder(): Finding {
  try {
    rmSync(createPrivateDirectory(`doctor-${process.pid}`), { recursive: true })
    return { about: 'folder', state: 'ok', text: runtimeRoot() }
  } catch (error) {
    return { about: 'folder', state: 'problem', text: (error as Error).message }
  }
}

async function configOf(cwd: string, flags: DoctorFlags): Promise<{ found: Finding; project?: Project }> {
  try {
    const project = await openProject(cwd, flags, cwd)
    chooseTarget(project, undefined)
    return { found: { about: 'project', state: 'ok', text: `${project.root}, ${project.configFile ?? 'no config file'}` }, project }
  } catch (error) {
    return { found: { about: 'project', state: 'problem', text: (error as Error).message } }
  }
}

async function code(project: Project): Promise<Finding> {
  try {
    const { modules, problems } = await compileProject(project)
    const [first] = problems
    if (!first) return { about: 'code', state: 'ok', text: `${count(modules.size, 'module')} compiled` }
    return {
      about: 'code',
      state: 'note',
      text: `${count(problems.length, 'file')} cannot run, among them ${problemText(first)}\ncowait check shows all`,
    }
  } catch (error) {
    return { about: 'code', state: 'problem', text: (error as Error).message }
  }
}

async function docker(project: Project | undefined): Promise<Finding> {
  const { engine, settings } = project ? chooseTarget(project, undefined) : { engine: undefined, settings: {} }
  try {
    const containers = await inTime(countWorkers('docker', settings), 'docker')
    return { about: 'docker', state: 'ok', text: `answers; ${count(containers, 'container')} of cowait` }
  } catch (error) {
    const hint = error instanceof EngineError && error.hint ? `\n${error.hint}` : ''
    const text = `${(error as Error).message}${hint}`
    if (engine === 'docker' || existsSync('/var/run/docker.sock'))
      return { about: 'docker', state: engine === 'docker' ? 'problem' : 'note', text }
    return { about: 'docker', state: 'note', text: `${text}\nRuns take processes.` }
  }
}

/** Asked only where somebody means it: many have a kubeconfig of a cluster that is far away. */
async function kubernetes(project: Project | undefined, env: NodeJS.ProcessEnv): Promise<Finding> {
  const about = 'kubernetes'
  const { engine, settings } = project ? chooseTarget(project, undefined) : { engine: undefined, settings: {} }
  const isMeant = engine === 'kubernetes'
  if (!isMeant && !mayHaveCluster(env)) return { about, state: 'ok', text: 'not set up (there is no kubeconfig)' }
  try {
    const pods = await inTime(countWorkers('kubernetes', isMeant ? settings : {}), 'kubernetes')
    return { about, state: 'ok', text: `answers; ${count(pods, 'pod')} of cowait` }
  } catch (error) {
    const hint = error instanceof EngineError && error.hint ? `\n${error.hint}` : ''
    return { about, state: isMeant ? 'problem' : 'note', text: `${(error as Error).message}${hint}` }
  }
}

async function countWorkers(engine: string, settings: Readonly<Record<string, unknown>>): Promise<number> {
  const opened = await openEngine(engine, { owner: 'doctor', directory: '', settings })
  try {
    return (await opened.list({})).length
  } finally {
    await opened.close()
  }
}

async function leftovers(): Promise<Finding> {
  await using living = await findLiving()
  const alive = count(living.runs.length, 'run')
  if (living.silent.length === 0) return { about: 'runs', state: 'ok', text: `${alive} alive, nothing left behind` }
  return {
    about: 'runs',
    state: 'note',
    text: `${alive} alive; ${count(living.silent.length, 'supervisor')} ended without clearing up:\n${living.silent.join('\n')}\nThe next run clears up; cowait prune does it now.`,
  }
}
