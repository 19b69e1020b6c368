/** The script's side of its supervisor's thread. */
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { TaskSite } from '../core/caller.ts'
import type { TaskRef } from '../core/events.ts'
import { refInPackage } from '../core/package-ref.ts'
import { Bodies } from '../protocol/bodies.ts'
import { Channel } from '../protocol/channel.ts'
import { ChannelCaller, isCallerAnswer } from '../protocol/channel-caller.ts'
import { PROTOCOL_VERSION, type Both, type Down, type Up } from '../protocol/messages.ts'
import { parseDown } from '../protocol/parse.ts'
import { toSlashes } from '../project/folders.ts'
import { moduleName } from '../project/module-name.ts'
import { ownPackage } from '../project/package-root.ts'
import { findPlace, findProject } from '../project/project.ts'
import { userFile } from '../project/user-paths.ts'
import { PortStream } from './port-stream.ts'
import { Printer } from './print.ts'
import type { ThreadData } from './thread.ts'

export interface SupervisorThread {
  readonly caller: ChannelCaller
  /** Resolves when it cannot be reached any more: it was closed, or has crashed. */
  readonly ended: Promise<unknown>
  /** Whether the thread keeps this process alive; once it has ended it does, until nothing is left of it. */
  hold(isHeld: boolean): void
  /** Resolves when nothing is left of the supervisor. */
  close(): Promise<void>
}

/**
 * Starts a supervisor for the project around `near`, a file or folder; by itself, around the script that `cowait exec` runs.
 * An installed package is no project, unless the script is its own: its tasks belong to that of the script.
 */
export async function startSupervisorThread(near: string | undefined): Promise<SupervisorThread> {
  const { port1, port2 } = new MessageChannel()
  const start = [near, compiledScript()].find((file) => file && isOfProject(file)) ?? (near ? placeOfScript() : process.cwd())
  const workerData: ThreadData = {
    port: port2,
    start,
    engine: process.env['COWAIT_ENGINE'] || undefined,
  }
  const thread = new Worker(join(ownPackage().root, 'dist', 'thread.js'), {
    workerData,
    transferList: [port2],
    execArgv: [],
    trackUnmanagedFds: false,
  })
  const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
  const stream = new PortStream(port1)
  port1.unref()
  thread.once('error', (error) => stream.destroy(error))
  thread.once('exit', () => stream.destroy())
  const channel = new Channel<Down | Both, Up | Both>(stream, parseDown, { ownsChunks: true })
  const caller = await greet(channel, start)
  void channel.closed.then(() => thread.ref())
  return {
    caller,
    ended: channel.closed,
    hold: (isHeld) => (isHeld || channel.isClosed ? thread.ref() : thread.unref()),
    async close() {
      await channel.close()
      await exited
    },
  }
}

function greet(channel: Channel<Down | Both, Up | Both>, start: string): Promise<ChannelCaller> {
  const bodies = new Bodies<Down, Up>(channel)
  const printer = new Printer()
  return new Promise((resolve, reject) => {
    let caller: ChannelCaller | undefined
    void channel.closed.then((fault) => reject(fault ?? new Error('its supervisor ended before it began')))
    bodies.start((message, value) => {
      if (message.type === 'welcome') {
        channel.send({
          type: 'hello',
          protocol: PROTOCOL_VERSION,
          role: 'client',
          runtime: { name: 'node', version: process.versions.node },
        })
        channel.send({ type: 'follow' })
        caller = new ChannelCaller({ channel, bodies, run: message.worker, moduleOf: (site) => moduleOf(site, start) })
        resolve(caller)
      } else if (message.type === 'event' && message.child === undefined) printer.event(message.event)
      else if (isCallerAnswer(message)) caller?.receive(message, value)
    })
  })
}

/** The user's own file of a script that was compiled by us. */
function compiledScript(): string | undefined {
  const [, script = ''] = process.argv
  const source = userFile(script)
  return source === script ? undefined : source
}

/** A program that is installed itself is the project of its own tasks. */
function isOfProject(file: string): boolean {
  const installed = packageOf(file)
  return installed === undefined || installed === packageOf(realScript())
}

/** For who has called a task of a package: a program that is installed itself, such as a test runner, is at work on the folder it stands in. */
function placeOfScript(): string {
  const script = realScript()
  return script === '' || packageOf(script) !== undefined ? process.cwd() : script
}

function realScript(): string {
  const [, script = ''] = process.argv
  try {
    return realpathSync(script)
  } catch {
    return script
  }
}

/** The folder of the installed package that a file belongs to. */
function packageOf(file: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(toSlashes(file))?.[0]
}

const modules = new Map<string, Promise<string>>()

/** The module of a task's file: its path from the project's root, which is looked for once; of a package, what leads there from `start`. */
async function moduleOf(site: TaskSite, start: string): Promise<TaskRef> {
  const { file, export: name = '', ordinal } = site
  if (packageOf(file) !== undefined) {
    const { root } = await findPlace(start)
    const ref = refInPackage(site, join(root, 'package.json'))
    if (ref) return ref
  }
  const found = modules.get(file) ?? findProject(file).then((project) => moduleName(project, file))
  modules.set(file, found)
  found.catch(() => modules.delete(file))
  return { module: await found, export: name, ordinal }
}
