// The page at /docs: Swagger UI on the description that the service gives of itself. Nothing is loaded from elsewhere.

import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';
import 'swagger-ui-dist/swagger-ui.css';
import './docs.css';

SwaggerUI({
  // Beside this page, under whatever prefix.
  url: new URL('./openapi.json', document.baseURI).href,
  dom_id: '#description',
  // Its badge would be a picture of a foreign host's.
  validatorUrl: null,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: 'list',
  tryItOutEnabled: true,
});
