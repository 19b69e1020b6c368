import { watch, type FSWatcher } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { compileProject, type CompiledTree } from '../../project/compile-project.ts'
import { problemText } from '../../project/problem.ts'
import { resolveTask } from '../../project/resolve-task.ts'
import { DevRun } from '../dev-link.ts'
import { exitCodeOfSignal } from '../exit-code.ts'
import { timeOfDay } from '../format.ts'
import type { Io } from '../io.ts'
import { moduleDigest } from '../module-graph.ts'
import { openProject, startOf } from '../open-project.ts'
import { refuseInsideTask } from '../refuse-inside-task.ts'
import type { RunFlags } from '../run-flags.ts'

const SETTLE_MS = 60

/** Runs a task again whenever a file that it depends on changes; the run in progress is cancelled first. Ends when it is asked to stop. */
export async function dev(name: string, runArgs: readonly string[], flags: RunFlags, io: Io): Promise<number> {
  refuseInsideTask('dev', io.env)
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const project = await openProject(startOf(name, cwd), flags, cwd)
  const { module } = await resolveTask(project, name, cwd)
  const changes = new Changes()
  let known: string | undefined
  let run: DevRun | undefined
  const stopped = new Promise<void>((done) =>
    io.stop.listen((signal) => {
      run?.stop(signal)
      done()
    }),
  )
  try {
    for (;;) {
      const tree = await compileProject(project)
      changes.watch(tree)
      const digest = moduleDigest(tree, module)
      if (digest !== known) {
        known = digest
        await run?.end('The code has changed')
        if (io.stop.first) break
        run = start(tree, module, runArgs, io)
      }
      const isStopped = await Promise.race([stopped.then(() => true), changes.next().then(() => false)])
      if (isStopped) break
    }
  } finally {
    changes.close()
    await run?.end()
  }
  return exitCodeOfSignal(io.stop.first ?? 'SIGINT')
}

function start(tree: CompiledTree, module: string, runArgs: readonly string[], io: Io): DevRun | undefined {
  const source = tree.modules.get(module)?.source
  const problem = tree.problems.find(({ path }) => path === source)
  if (problem) {
    io.stderr.write(`${io.stderr.colours.red('error')} ${problemText(problem)}\n`)
    return undefined
  }
  io.stderr.write(`${io.stderr.colours.dim(`--- ${timeOfDay(Date.now())} ${module}`)}\n`)
  return new DevRun(runArgs, io)
}

/** Tells when something changed in a folder of the tree, once it has been quiet for a moment. */
class Changes {
  readonly #watchers = new Map<string, FSWatcher>()
  #timer: NodeJS.Timeout | undefined
  #isPending = false
  #resolve: (() => void) | undefined

  watch(tree: CompiledTree): void {
    const folders = new Set([...tree.modules.values()].map(({ source }) => dirname(join(tree.root, source))))
    for (const { path } of tree.files) if (!path.startsWith('.cowait/')) folders.add(dirname(join(tree.root, path)))
    for (const folder of folders) {
      if (this.#watchers.has(folder)) continue
      try {
        this.#watchers.set(
          folder,
          watch(folder, () => this.#changed()).on('error', () => undefined),
        )
      } catch {
        // A folder that holds compiled files only.
      }
    }
  }

  next(): Promise<void> {
    return new Promise((done) => {
      this.#resolve = done
      if (this.#isPending) this.#tell()
    })
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const watcher of this.#watchers.values()) watcher.close()
  }

  #changed(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tell(), SETTLE_MS)
  }

  #tell(): void {
    this.#isPending = this.#resolve === undefined
    this.#resolve?.()
    this.#resolve = undefined
  }
}
