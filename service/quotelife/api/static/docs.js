// The viewer shows the document of this service; nothing is requested from elsewhere.
"use strict";
SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#api",
  validatorUrl: null,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  tryItOutEnabled: true,
});
