import { pathToFileURL } from 'node:url'
import type { Tree } from '../core/tree.ts'
import { toSlashes } from './folders.ts'

/** A text about files of a tree, such as an error's message, with the user's own files in their place. */
export function inUserPaths(text: string, tree: Pick<Tree, 'directory' | 'root'>): string {
  const url = pathToFileURL(tree.directory).href
  return text
    .replaceAll(`${url}/`, `${pathToFileURL(tree.root).href}/`)
    .replaceAll(`${tree.directory}/`, `${tree.root}/`)
    .replace(/(\.(?:[cm]?ts|[jt]sx|js))\.[cm]js\b/g, '$1')
}

/** The user's own file for a path in a tree; any other path as it is. */
export function userFile(file: string): string {
  const [, root, path] = /^(.*)\/\.cowait\/cache\/trees\/[0-9a-f]{64}-[0-9a-f]{12}(?:\/(.*))?$/s.exec(toSlashes(file)) ?? []
  if (root === undefined) return file
  return `${root}/${(path ?? '').replace(/(\.(?:[cm]?ts|[jt]sx|js))\.[cm]js$/, '$1')}`
}
