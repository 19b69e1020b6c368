import { duplexPair } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { openSupervisor } from '../../src/client/local.ts'
import type { TaskRef } from '../../src/core/events.ts'
import { runInScope, Scope } from '../../src/core/scope.ts'
import { createMemoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { compileProject } from '../../src/project/compile-project.ts'
import { findProject } from '../../src/project/project.ts'
import { Bodies } from '../../src/protocol/bodies.ts'
import { ChannelCaller } from '../../src/protocol/channel-caller.ts'
import { Channel } from '../../src/protocol/channel.ts'
import type { Both, Down, Up } from '../../src/protocol/messages.ts'
import { parseDown } from '../../src/protocol/parse.ts'
import { serveInMemory } from '../../src/testing/serve-in-memory.ts'

const fixtures = fileURLToPath(new URL('../fixtures/conformance/', import.meta.url))

/** This process as a client of a supervisor with the fixtures' tasks, and the scope of a script in it. */
export async function openRoot() {
  const supervisor = await openSupervisor({
    engine: 'memory',
    openEngine: async () => createMemoryEngine({ serve: serveInMemory() }),
    tree: async () => await compileProject(await findProject(fixtures)),
  })
  const [inside, outside] = duplexPair()
  supervisor.connect(inside)
  const channel = new Channel<Down | Both, Up | Both>(outside, parseDown)
  const bodies = new Bodies<Down, Up>(channel)
  const caller = await new Promise<ChannelCaller>((resolve) => {
    let made: ChannelCaller
    bodies.start((message, value) => {
      if (message.type === 'welcome')
        resolve(
          (made = new ChannelCaller({
            channel,
            bodies,
            run: message.worker,
            moduleOf: async (): Promise<TaskRef> => ({ module: 'none', export: '' }),
          })),
        )
      else if (message.type === 'status' || message.type === 'settled' || message.type === 'granted' || message.type === 'refused')
        made.receive(message, value)
    })
  })
  const scope = new Scope({ caller })
  return {
    supervisor,
    scope,
    run: async <T>(body: () => Promise<T>): Promise<T> => await runInScope(scope, body),
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await scope.close('cancel')
      await channel.close()
      const { left } = await supervisor.close()
      if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`)
    },
  }
}
