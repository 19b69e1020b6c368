/** Who plays which task in a runtime: the calls so far, what stands in for a task, and what goes wrong. Tasks are told apart by their place. */
import type { CallRequest } from '../core/caller.ts'
import type { TaskDefinition, TaskPlace } from '../core/definition.ts'
import type { TaskRef } from '../core/events.ts'
import { nameOf, refOf } from '../core/registry.ts'
import { decode } from '../core/values/decode.ts'
import type { Encoded } from '../core/value.ts'
import type { MemoryWorkerSide } from '../engines/memory/memory-engine.ts'
import type { ReadFault } from './read-fault.ts'
import { withBlows, withStandIn, type StandIn } from './stand-in.ts'

interface Role {
  readonly ref: TaskRef
  readonly inputs: Encoded[]
  readonly faults: ReadFault[]
  standIn?: StandIn
}

interface Call {
  readonly role: Role
  readonly definition: TaskDefinition
  /** Counts the calls of the task from 1. */
  readonly number: number
}

export class Cast {
  readonly #roles = new Map<TaskPlace, Role>()
  /** By the run's id. */
  readonly #calls = new Map<string, Call>()

  role({ place }: TaskDefinition): Role {
    const known = this.#roles.get(place)
    if (known) return known
    const role: Role = { ref: named(refOf(place)), inputs: [], faults: [] }
    this.#roles.set(place, role)
    return role
  }

  /** The inputs of a task's calls; a copy each time. */
  inputs(definition: TaskDefinition): unknown[] {
    return this.role(definition).inputs.map((input) => decode(input))
  }

  /** Notes a call. Answers it with a name for its task. */
  enter(request: CallRequest): CallRequest {
    const { id, definition, input } = request
    const role = this.role(definition)
    this.#calls.set(id, { role, definition: definition.place.definition ?? definition, number: role.inputs.push(input) })
    return { ...request, task: role.ref }
  }

  /** What an attempt of a run executes. Throws if there is nothing. */
  definitionOf({ run, attempt }: { run: string; attempt: number }, worker: MemoryWorkerSide): TaskDefinition {
    const call = this.#calls.get(run)
    if (!call) throw new Error(`Bug: no call of ${run} was seen by the test's runtime.`)
    const { role, definition, number } = call
    const name = nameOf(definition.place)
    if (definition.isExternal && !role.standIn)
      throw new Error(`${name} is external: its code is not in this process. Say what it does with rt.mock(${name}, async (input) => ...).`)
    const played = role.standIn ? withStandIn(definition, role.standIn) : definition
    const hits = role.faults.filter(({ nth }) => nth === undefined || (nth === number && attempt === 1))
    const detail = 'by a fault of the test'
    return withBlows(
      played,
      hits.map(({ blow }) => blow),
      () => worker.end({ how: 'killed', signal: 'SIGKILL', detail }),
    )
  }
}

/** Where a test has no file of its own, the module is `test`. */
const named = (ref: TaskRef): TaskRef => ({ ...ref, module: ref.module || 'test' })
