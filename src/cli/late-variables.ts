/** Of these, Node takes notice before its first line; NODE_USE_ENV_PROXY says whether it looks at HTTP_PROXY and its kin. */
const READ_AT_START = ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'NODE_PATH', 'NODE_USE_ENV_PROXY']

/** A run's variables come to a worker on its channel, when its Node runs already. A sentence for people where that is too late for one. */
export function lateVariables(env: Readonly<Record<string, string>> = {}): string | undefined {
  const names = READ_AT_START.filter((name) => Object.hasOwn(env, name))
  if (names.length === 0) return undefined
  return `${names.join(', ')}: seen by the task and what it starts, but not by the task's own Node, which reads it when it begins: set that up in its code, or in the image`
}
