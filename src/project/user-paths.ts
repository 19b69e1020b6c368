import { pathToFileURL } from 'node:url'
import type { Tree } from '../core/tree.ts'

/** A text about files of a tree, such as an error's message, with the user's own files in their place. */
export function inUserPaths(text: string, tree: Pick<Tree, 'directory' | 'root'>): string {
  const url = pathToFileURL(tree.directory).href
  return text
    .replaceAll(`${url}/`, `${pathToFileURL(tree.root).href}/`)
    .replaceAll(`${tree.directory}/`, `${tree.root}/`)
    .replace(/(\.(?:[cm]?ts|[jt]sx|js))\.[cm]js\b/g, '$1')
}
