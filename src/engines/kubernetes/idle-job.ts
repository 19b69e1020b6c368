/** A Job that never has a pod, and removes itself, with what it owns, when its deadline has come. */
export interface IdleJobOptions {
  /** The Job's own metadata. */
  readonly metadata: object
  /** Of the deadline; without any the Job rests, for ever. */
  readonly activeDeadlineSeconds?: number
}

/** A `batch/v1` Job. */
export function idleJob({ metadata, activeDeadlineSeconds }: IdleJobOptions): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata,
    spec: {
      parallelism: 0,
      backoffLimit: 0,
      ...(activeDeadlineSeconds === undefined ? { suspend: true } : { activeDeadlineSeconds }),
      ttlSecondsAfterFinished: 0,
      // Never used, but a Job must have one, and it must pass what guards the namespace.
      template: {
        metadata: { labels: { 'app.kubernetes.io/managed-by': 'cowait' } },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            { name: 'none', image: 'none', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
          ],
        },
      },
    },
  }
}
