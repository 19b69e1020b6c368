import { UsageError } from '../core/errors.ts'

/** A second supervisor inside of a worker would own runs that nobody above it knows of. */
export function refuseInsideTask(command: string, env: NodeJS.ProcessEnv): void {
  if (!env['COWAIT_WORKER']) return
  throw new UsageError(
    `cowait ${command} was started inside of a task (worker ${env['COWAIT_WORKER']}). Call the task from the code instead: await other({ ... }); its run then belongs to this one and ends with it.`,
  )
}
