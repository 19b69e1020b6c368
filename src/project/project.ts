/**
 * The user's project: where it is, its config, what its names mean, and the tree of plain JavaScript that workers run.
 * Knows files and compilers; knows nothing of runs, workers or engines, and never prints.
 */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { CowaitConfig } from '../core/config-types.ts'
import { CONFIG_ENDINGS, FOREIGN_ENDINGS } from './config-endings.ts'
import { checkDefaultCluster, mergeLayers, userLayer, type ConfigLayer } from './config-layers.ts'
import { above, toSlashes } from './folders.ts'
import { userFile } from './user-paths.ts'
import { findWorkspaceRoot } from './workspace.ts'

/** Where a project is. All paths are absolute and free of symbolic links. */
export interface ProjectPlace {
  /** The root of module names, and the working directory of tasks. */
  readonly root: string
  /** The root of the tree of files: `root`, or the folder of the workspace or package around it. */
  readonly treeRoot: string
  readonly configFile?: string
  /** Nothing but a task's file says that this folder is a project: no config, no `package.json`. */
  readonly loose: boolean
}

export interface Project extends ProjectPlace {
  /** All layers as one. */
  readonly config: CowaitConfig
  /** What it was made of: the user's config, then the project's. */
  readonly layers: readonly ConfigLayer[]
}

const CONFIG_NAMES = [...CONFIG_ENDINGS, ...FOREIGN_ENDINGS].map((ending) => `cowait.config${ending}`)

/**
 * Finds the project of a file or folder, and loads its config.
 * Throws a `UsageError` for a config that is wrong.
 */
export async function findProject(start: string): Promise<Project> {
  return await projectWith(await findPlace(start))
}

/** A place with its config: what the place's file says over what the user's own says. */
export async function projectWith(place: ProjectPlace): Promise<Project> {
  const user = await userLayer()
  const layers = user ? [user] : []
  if (place.configFile) {
    const { loadConfig } = await import('./load-config.ts')
    layers.push({ file: place.configFile, config: await loadConfig(place, place.configFile) })
  }
  const config = mergeLayers(layers)
  checkDefaultCluster(layers, config, place.root)
  return { ...place, config, layers }
}

/** Finds a project without loading its config: nearest config, else nearest `package.json`, else the folder itself. */
export async function findPlace(start: string): Promise<ProjectPlace> {
  const folder = folderOf(userFile(resolve(start)))
  const configured = above(folder).find((each) => configIn(each))
  const root = configured ?? above(folder).find(hasPackage) ?? folder
  const configFile = configIn(root)
  const treeRoot = (await findWorkspaceRoot(root)) ?? above(root).find(hasPackage) ?? root
  return { root, treeRoot, loose: !configured && !hasPackage(root), ...(configFile ? { configFile } : {}) }
}

/** The project's root relative to the tree's, with forward slashes; empty where they are the same. */
export function projectPath(place: ProjectPlace): string {
  return toSlashes(relative(place.treeRoot, place.root))
}

function configIn(folder: string): string | undefined {
  return CONFIG_NAMES.map((name) => join(folder, name)).find((file) => existsSync(file))
}

function hasPackage(folder: string): boolean {
  return existsSync(join(folder, 'package.json'))
}

function folderOf(path: string): string {
  const real = realpathSync(above(path).find((each) => existsSync(each)) ?? path)
  return statSync(real).isDirectory() ? real : dirname(real)
}
