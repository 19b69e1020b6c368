import { defineConfig } from 'vitest/config'

const report = process.env['TEST_REPORT']

const notTests = ['**/fixtures/**', 'test/cli/project/**']
const docker = [
  'test/engines/docker/**/*.test.ts',
  'test/cli/docker.test.ts',
  'test/conformance/docker.test.ts',
  'test/control/daemon.test.ts',
  'test/examples/docker.test.ts',
]
const kubernetes = ['test/engines/kubernetes/**/*.cluster.test.ts']
/** They look at their own namespaces only, and mostly wait. */
const kubernetesTogether = ['test/conformance/kubernetes/*.test.ts', 'test/control/kubernetes.test.ts', 'test/examples/kubernetes.test.ts']

export default defineConfig({
  test: {
    globalSetup: ['test/setup/build-dist.ts'],
    setupFiles: ['test/setup/no-leaks.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    // Docker's tests look at the whole engine (its networks, its leftovers), so they run alone and one file after another.
    projects: [
      {
        extends: true,
        test: {
          name: 'parallel',
          include: ['test/**/*.test.ts', 'examples/*.test.ts'],
          exclude: [...docker, ...kubernetes, ...kubernetesTogether, ...notTests],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'kubernetes',
          include: kubernetes,
          setupFiles: ['test/setup/kubernetes-account.ts'],
          testTimeout: 120_000,
          exclude: notTests,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'kubernetes-together',
          include: kubernetesTogether,
          setupFiles: ['test/setup/kubernetes-account.ts'],
          testTimeout: 120_000,
          exclude: notTests,
          maxWorkers: 3,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          name: 'docker',
          include: docker,
          setupFiles: ['test/setup/no-containers.ts'],
          exclude: notTests,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
