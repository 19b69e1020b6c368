import { resolve } from 'node:path'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { openProject } from '../open-project.ts'
import { readVariables } from '../read-variables.ts'
import { columnsText } from '../table.ts'

interface ConfigFlags {
  readonly json?: boolean
  readonly cwd?: string
  readonly config?: string
}

interface Setting {
  readonly key: string
  readonly value: unknown
  readonly from: string
}

/** Shows what the config comes to and where each value is from. Values of variables are never shown. */
export async function config(flags: ConfigFlags, io: Io): Promise<number> {
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const project = await openProject(cwd, flags, cwd)
  const file = project.configFile ?? 'default'
  const settings: Setting[] = [{ key: 'project', value: project.root, from: project.loose ? 'the working directory' : 'found' }]
  for (const [key, value] of Object.entries(project.config)) {
    if (key !== 'env' && key !== 'clusters') settings.push({ key, value, from: file })
  }
  for (const [name, target] of Object.entries(project.config.clusters ?? {})) {
    for (const [key, value] of Object.entries(target))
      settings.push({ key: `clusters.${name}.${key}`, value: key === 'env' ? masked(value) : value, from: file })
  }
  for (const name of Object.keys(project.config.env ?? {})) settings.push({ key: `env.${name}`, value: '***', from: file })
  for (const path of [project.config.envFile ?? []].flat()) {
    for (const name of Object.keys(readVariables([path], project.root, 'envFile')))
      settings.push({ key: `env.${name}`, value: '***', from: path })
  }
  if (io.env['COWAIT_ENGINE']) settings.push({ key: 'engine', value: io.env['COWAIT_ENGINE'], from: 'COWAIT_ENGINE' })
  const { stdout } = io
  if (flags.json) stdout.write(`${JSON.stringify(settings, null, stdout.isTerminal ? 2 : undefined)}\n`)
  else
    stdout.write(
      columnsText(settings.map(({ key, value, from }) => [key, typeof value === 'string' ? value : JSON.stringify(value), from])),
    )
  return exitCodes.done
}

function masked(variables: unknown): unknown {
  return Object.fromEntries(Object.keys((variables ?? {}) as object).map((name) => [name, '***']))
}
