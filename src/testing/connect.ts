import type { Duplex } from 'node:stream'
import type { Caller, TaskSite } from '../core/caller.ts'
import type { TaskRef } from '../core/events.ts'
import { Bodies } from '../protocol/bodies.ts'
import { Channel } from '../protocol/channel.ts'
import { ChannelCaller, isCallerAnswer } from '../protocol/channel-caller.ts'
import type { Both, Down, Up } from '../protocol/messages.ts'
import { parseDown } from '../protocol/parse.ts'

export interface Connection {
  readonly caller: Caller
  close(): Promise<void>
}

/** This process as the client `id` of a supervisor at the other end of the stream. */
export function connect(stream: Duplex, id: string): Connection {
  const channel = new Channel<Down | Both, Up | Both>(stream, parseDown)
  const bodies = new Bodies<Down, Up>(channel)
  const caller = new ChannelCaller({ channel, bodies, run: id, moduleOf: refuseSite })
  bodies.start((message, value) => {
    if (isCallerAnswer(message)) caller.receive(message, value)
  })
  return { caller, close: () => channel.close() }
}

async function refuseSite({ file }: TaskSite): Promise<TaskRef> {
  throw new Error(`Bug: a task of ${file} was called past the test's runtime.`)
}
