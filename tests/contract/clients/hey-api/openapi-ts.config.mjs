import { defineConfig } from '@hey-api/openapi-ts'

// Paths are relative to the folder from which openapi-ts is run.
export default defineConfig({
  input: 'openapi.yaml',
  output: {
    path: 'hey-api/generated',
    module: { extension: '.js' }, // Node's module resolution wants it in imports
  },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
})
