# Stands in for MongoDB's image: FerretDB over SQLite, with the parts of the image that the stack uses.
FROM scratch
COPY shell /
COPY ferretdb.libraries /
COPY ferretdb /bin/ferretdb
COPY mongo.entrypoint /bin/entrypoint
COPY mongo.mongosh /bin/mongosh
VOLUME /data/db /data/configdb
ENTRYPOINT ["/bin/entrypoint"]
