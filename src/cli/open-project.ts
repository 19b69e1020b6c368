import { resolve } from 'node:path'
import { findPlace, findProject, projectWith, type Project } from '../project/project.ts'
import type { RunFlags } from './run-flags.ts'

/** The project of a task's name or of a folder, with the config that was asked for. */
export async function openProject(start: string, flags: Pick<RunFlags, 'config'>, cwd: string): Promise<Project> {
  if (flags.config === undefined) return await findProject(start)
  return await projectWith({ ...(await findPlace(start)), configFile: resolve(cwd, flags.config) })
}

/** Where a task's name starts to be looked for: the file that it may name, else the working directory. */
export function startOf(name: string, cwd: string): string {
  const colon = name.lastIndexOf(':')
  return resolve(cwd, colon > 0 ? name.slice(0, colon) : name)
}
