/** Gives each file of tests a namespace of its own, and the rights of docs/kubernetes-rbac.yaml in it instead of the administrator's. */
import { afterAll } from 'vitest'
import { Namespace } from '../engines/kubernetes/namespace.ts'

const administrator = process.env['KUBECONFIG']
if (administrator) {
  const namespace = await Namespace.make()
  process.env['TEST_ADMINISTRATOR'] = administrator
  process.env['KUBECONFIG'] = namespace.kubeconfig
  afterAll(async () => {
    process.env['KUBECONFIG'] = administrator
    await using made = namespace
    await made.nothingLeft()
  })
}
