import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { controlSocketName } from '../../client/control-socket.ts'
import { runtimeRoot } from '../../client/runtime-directory.ts'
import { MAX_DURATION_MS } from '../../core/duration.ts'
import { UsageError } from '../../core/errors.ts'
import type { RunListing } from '../../protocol/messages.ts'
import { ControlClient } from './control-client.ts'

/** A run that lives now, with the way to its supervisor. */
export interface LivingRun extends RunListing {
  readonly supervisor: string
  readonly client: ControlClient
}

/** The supervisors of this user that answer, with their runs, and the private folders of those that do not. */
export interface Living extends AsyncDisposable {
  readonly runs: readonly LivingRun[]
  readonly silent: readonly string[]
}

export async function findLiving(): Promise<Living> {
  const found = await Promise.all(supervisorIds().map(async (id) => ({ id, answer: await ask(id) })))
  const clients = found.flatMap(({ answer }) => (answer ? [answer.client] : []))
  return {
    runs: found.flatMap(({ id, answer }) => (answer ? answer.runs.map((run) => ({ ...run, supervisor: id, client: answer.client })) : [])),
    silent: found.filter(({ answer }) => !answer).map(({ id }) => join(runtimeRoot(), id)),
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    },
  }
}

/** The run that an exact id, a prefix that fits one run only, or `latest` means; nothing for an id that none has. */
export function findLivingRun(wanted: string, runs: readonly LivingRun[]): LivingRun | undefined {
  if (wanted === 'latest') {
    const latest = runs
      .filter((run) => run.parent === null)
      .reduce<LivingRun | undefined>((a, b) => (a && a.createdAt >= b.createdAt ? a : b), undefined)
    if (latest) return latest
    throw new UsageError('No run is alive; cowait ps shows what is.')
  }
  const exact = runs.find((run) => run.id === wanted)
  if (exact) return exact
  const [only, ...others] = runs.filter((run) => run.id.startsWith(wanted))
  if (only && others.length > 0) {
    throw new UsageError(
      `${wanted} fits ${others.length + 1} runs: ${[only, ...others]
        .slice(0, 5)
        .map((run) => run.id)
        .join(', ')}. Give more of the id.`,
    )
  }
  return only
}

/** Cancels a run; resolves when nothing is left of it. */
export function cancelLiving({ id, client }: LivingRun, isKill: boolean): Promise<void> {
  return new Promise((resolve) => {
    void client.closed.then(() => resolve())
    client.follow((event) => {
      if (event.run === id && event.type === 'removed') resolve()
    })
    client.cancel(id, { code: 'TASK_CANCELLED', message: 'cowait kill' }, isKill)
    // It may have gone before anybody followed. That the supervisor ends meanwhile is heard above.
    void client.list(MAX_DURATION_MS).then(
      (runs) => runs.some((run) => run.id === id) || resolve(),
      () => undefined,
    )
  })
}

function supervisorIds(): string[] {
  try {
    return readdirSync(runtimeRoot(), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && /^s[0-9a-f]+$/.test(entry.name))
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

async function ask(id: string): Promise<{ client: ControlClient; runs: readonly RunListing[] } | undefined> {
  try {
    const client = await ControlClient.open(join(runtimeRoot(), id, controlSocketName))
    return { client, runs: await client.list() }
  } catch {
    return undefined
  }
}
