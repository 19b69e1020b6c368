/**
 * The worker's side of the protocol, for one run: greets, receives the run, executes it, answers, leaves. Knows channels, not
 * descriptors or processes, so that the same code serves a process, a container, a pod and a test. Loads no engine.
 */
import type { Duplex } from 'node:stream'
import type { Caller } from '../core/caller.ts'
import { ProtocolError } from '../core/errors.ts'
import { Bodies } from '../protocol/bodies.ts'
import { Channel } from '../protocol/channel.ts'
import { ChannelCaller } from '../protocol/channel-caller.ts'
import { PROTOCOL_VERSION, type Both, type Down, type Up } from '../protocol/messages.ts'
import { parseDown } from '../protocol/parse.ts'
import type { IncomingValue } from '../protocol/values.ts'
import { Execution, type LoadTask } from './execute.ts'
import { Lease } from './lease.ts'
import { refInTree } from './module-files.ts'
import type { Output } from './output.ts'

export interface ServeOptions {
  readonly channel: Duplex
  readonly output: Output
  readonly load: LoadTask
  /** What the run's calls go through on their way to the channel: a test's runtime. */
  readonly through?: (caller: Caller) => Caller
  /** Called with the run's variables before anything of the user's is loaded. */
  readonly setEnvironment: (env: Readonly<Record<string, string>>, code: { readonly path: string; readonly cwd: string }) => void
  /** Gets the execution once there is one, for what happens outside of it: an exception that nobody caught. */
  readonly onExecution?: (execution: Execution) => void
}

/** Serves one run. Resolves when the worker may leave: its answer is accepted, or the channel has ended. */
export async function serve(options: ServeOptions): Promise<'accepted' | 'lost'> {
  const channel = new Channel<Down | Both, Up | Both>(options.channel, parseDown)
  const bodies = new Bodies<Down, Up>(channel)
  let execution: Execution | undefined
  let caller: ChannelCaller | undefined
  let lease: Lease | undefined
  let markAccepted!: () => void
  const accepted = new Promise<void>((resolve) => (markAccepted = resolve))

  const receive = (message: Down, value: IncomingValue | undefined): void => {
    switch (message.type) {
      case 'welcome':
        if (message.protocol !== PROTOCOL_VERSION)
          throw new ProtocolError(`The supervisor speaks protocol ${message.protocol}, this worker speaks ${PROTOCOL_VERSION}.`)
        if (message.leaseMs > 0) lease = new Lease(options.channel, message.leaseMs, () => void channel.close())
        return channel.send({
          type: 'hello',
          protocol: PROTOCOL_VERSION,
          role: 'worker',
          runtime: { name: 'node', version: process.versions.node },
        })
      case 'run': {
        const running = (caller = new ChannelCaller({
          channel,
          bodies,
          run: message.run,
          moduleOf: async (site) => refInTree(site, message.code.path),
        }))
        const input = value!.read()
        input.catch(() => undefined)
        options.setEnvironment(message.env, message.code)
        const { output, load, through } = options
        execution = new Execution({ message, input, channel, bodies, caller: through?.(running) ?? running, output, load })
        options.onExecution?.(execution)
        return void execution.run()
      }
      case 'cancel':
        return execution?.cancel(message.reason)
      case 'status':
      case 'settled':
      case 'granted':
      case 'refused':
      case 'may-retry':
      case 'watched':
        return caller?.receive(message, value)
      case 'rpc':
      case 'rpc-stream':
      case 'rpc-result':
      case 'items':
      case 'want':
      case 'leave':
        return message.child === undefined ? execution?.line.receive(message, value) : caller?.receive(message, value)
      case 'accepted':
        return markAccepted()
      case 'ping':
        return channel.send({ type: 'pong' })
      case 'event':
        return caller?.receive(message, value)
      case 'runs':
        return
      default:
        message satisfies never
    }
  }
  bodies.start(receive)
  const end = await Promise.race([accepted.then(() => 'accepted' as const), channel.closed.then(() => 'lost' as const)])
  lease?.end()
  if (end === 'lost' && execution) {
    execution.cancel({ code: 'TASK_CANCELLED', message: 'its supervisor is gone' })
    await execution.finished
  }
  void channel.close()
  return end
}
